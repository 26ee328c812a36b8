package follow

import (
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// lateEvents are events of one bucket that became visible out of order, or may have, and are not on the stream yet. It
// is not known when each became visible. So they get the same time as any event, from when they were noticed.
type lateEvents struct {
	noticed []byte // one bit for each
	count   int64
	since   time.Time
	// passed is when the stream was seen to go on after that; zero until then.
	passed time.Time
	// doubted is when it becomes a doubt that they are not on the stream. Most events that become visible out of order are
	// published soon after.
	doubted time.Time
}

// noticed notes the late events of a bucket. Earlier ones are judged already, or still wait with the others.
func (w *work) noticed(b int64, positions []order.Position) {
	was := w.recounts.late[b]
	if len(positions) == 0 {
		delete(w.recounts.late, b)
		return
	}
	l := &lateEvents{noticed: make([]byte, bucketWidth/8), count: int64(len(positions)), since: w.Now()}
	l.doubted = l.since.Add(w.Window)
	if w.state.Evidence.CaughtUpAt.IsZero() || !w.recounts.looked[b] && w.state.Buckets[b].Missing > 0 {
		l.doubted = l.since // the first look of all, or that of a new process at what the one before was waiting for
	}
	for _, p := range positions {
		setBit(l.noticed, p)
	}
	if was != nil && !w.ripe(b) {
		// The clock of the waiting events goes on. A new one waits for the next turn.
		l.noticed, l.since, l.passed, l.doubted = was.noticed, was.since, was.passed, was.doubted
	}
	w.recounts.late[b] = l
}

// ripe returns true once the late events of a bucket that are still missing may be reported as lost: the stream has
// gone on since they were noticed, and they had a window's time after that.
func (w *work) ripe(b int64) bool {
	l := w.recounts.late[b]
	if l == nil {
		return false
	}
	if l.passed.IsZero() && w.progress.advanced.After(l.since) {
		l.passed = w.progress.advanced
	}
	return !l.passed.IsZero() && w.progress.judging.Sub(l.passed) >= w.Window || w.progress.judging.Sub(l.since) >= w.patience()
}

// overdue returns true for a late event that must be reported as lost now.
func (w *work) overdue(p order.Position) bool {
	b := bucketOf(p)
	return w.ripe(b) && hasBit(w.recounts.late[b].noticed, p)
}

// patience is how long an event may be missing while no newer event comes.
func (w *work) patience() time.Duration { return max(w.Window, w.MaxLag) }
