package follow

import (
	"context"
	"log/slog"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// beforeStore finds messages that say nothing about the store, because their events may have been archived: messages of
// the backlog, published before the topic was first read, whose position is below everything that is stored. All other
// messages of the backlog of such an order count too, if the store does not have the order any more. A message that comes
// while the topic is followed never counts.
func (w *work) beforeStore(ctx context.Context, due []UnmatchedMessage, arrivals []arrival) (map[int]bool, error) {
	var backlog []int
	var keys []order.Key
	for i, s := range due {
		if a := &arrivals[i]; !a.stored && a.key != "" && s.Offset < w.state.Partitions[s.Partition].Backlog {
			backlog, keys = append(backlog, i), append(keys, a.key)
		}
	}
	if len(backlog) == 0 {
		return nil, nil
	}
	first, err := w.Store.First(ctx)
	if err != nil || first == order.NoPosition { // nothing is stored: then nothing begins
		return nil, err
	}
	begun, err := w.Ledger.BegunBefore(ctx, w.Fingerprint, keys)
	if err != nil {
		return nil, err
	}
	before := map[int]bool{}
	for _, i := range backlog {
		if a := &arrivals[i]; a.position < first {
			before[i] = true
			if !slices.Contains(begun, a.key) {
				begun = append(begun, a.key)
				w.step.commit.BegunBefore = append(w.step.commit.BegunBefore, a.key)
			}
		}
	}
	stored, err := w.Store.Histories(ctx, begun)
	if err != nil {
		return nil, err
	}
	for _, i := range backlog {
		if key := arrivals[i].key; slices.Contains(begun, key) && len(stored[key]) == 0 {
			before[i] = true
		}
	}
	if len(before) > 0 && w.state.Evidence.BeforeStore == 0 {
		w.Log.WarnContext(ctx, "messages from before the event store begins are counted and not judged", slog.Int64("store_begins_at", int64(first)))
	}
	w.state.Evidence.BeforeStore += int64(len(before))
	return before, nil
}
