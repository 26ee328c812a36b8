package follow

import (
	"context"

	"github.com/nordvarg/crosscheck/order"
)

// Shown returns true if the stream has shown every event that is stored behind what was checked, up to a position. Unlike a check it waits for no
// settle window: an event that was seen stays so. False is no loss, because a message may be on its way.
func (s *State) Shown(ctx context.Context, store EventStore, upTo order.Position) (bool, error) {
	checked := s.Evidence.Checked
	if !s.claims() || checked == order.NoPosition || s.UncertainTo > checked {
		return false, nil
	}
	for from := checked + 1; from <= upTo; {
		counts, to, err := store.CountPositions(ctx, from, upTo, bucketShift, chunkEvents)
		if err != nil {
			return false, err
		}
		for _, n := range counts {
			if bucket := s.Buckets[n.Bucket]; bucket == nil || bucket.countSeen(n.Bucket, from, to) != n {
				return false, nil
			}
		}
		from = to + 1
	}
	return true, nil
}
