package lab

import "context"

// retentionGap: retention deletes messages that have not been read. It deletes everything published so far, so a reader
// misses something only if it stopped before.
var retentionGap = Fault{
	Name:  "retention_gap",
	About: "retention deletes messages before they are read (stop the reader first, then start it again)",
	Hop:   EventsToStream,
	Cause: "retention_gap",
	Pass:  StreamPass,
	whole: true,
	marks: true,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		topic, ok := l.Desk.publisher.(Truncater)
		if !ok {
			return nil, ErrCannotTruncate
		}
		if _, err := l.each(ctx, n, func(o workingOrder) error {
			return l.Desk.write(ctx, cancel(o, l.Desk.after(o)))
		}); err != nil {
			return nil, err
		}
		return nil, topic.Truncate(ctx)
	},
}
