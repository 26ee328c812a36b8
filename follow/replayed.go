package follow

import "github.com/nordvarg/crosscheck/order"

// replayed returns true for a message that may come a second time: its partition lost its end, or the topic was created
// again. Then all that was stored before may be published again, in any partition of the new topic.
func (w *work) replayed(offset int64, position order.Position, p PartitionState) bool {
	return offset < p.ReplayTo || position != order.NoPosition && position <= w.state.UncertainTo && w.createdAgain(p)
}

// createdAgain returns true if a partition has ended before what was read of it, or is about to be noted so.
func (w *work) createdAgain(p PartitionState) bool {
	if p.ReplayTo > 0 {
		return true
	}
	for _, other := range w.state.Partitions {
		if other.ReplayTo > 0 {
			return true
		}
	}
	return false
}
