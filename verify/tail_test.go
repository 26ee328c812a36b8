package verify_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestTheFloorWaitsForATransactionThatHadAPositionButNoNumber at the look that saw the newest position. It takes position 1000 before
// that look, gets number 501 ten seconds after it, and runs for 45 seconds.
func TestTheFloorWaitsForATransactionThatHadAPositionButNoNumber(t *testing.T) {
	began := time.Now()
	look := func(after time.Duration, newest order.Position, begun int64) verify.TailLook {
		return verify.TailLook{At: began.Add(after), Newest: newest, Begun: begun}
	}
	tail := verify.Tail{Next: look(0, 1001, 501), Oldest: 501}
	for _, step := range []struct {
		after         time.Duration
		newest        order.Position
		begun, oldest int64
		floor         order.Position // 0 is none
	}{
		{10 * time.Second, 1001, 501, 501, 0},
		{30 * time.Second, 1002, 503, 501, 0}, // 501 is running
		{40 * time.Second, 1003, 505, 501, 0},
		{50 * time.Second, 1004, 510, 503, 1001}, // 501 and 502 have ended, 503 is running
		{70 * time.Second, 1005, 511, 511, 1001},
		{90 * time.Second, 1006, 520, 520, 1004}, // nothing is running
	} {
		var err error
		if tail, err = tail.After(verify.TailFound{Look: look(step.after, step.newest, step.begun)}, true, step.oldest); err != nil {
			t.Fatal(err)
		}
		floor := order.Position(0)
		if tail.Floor != nil {
			floor = *tail.Floor
		}
		if floor != step.floor {
			t.Errorf("after %s the floor is %d, want %d", step.after, floor, step.floor)
		}
	}
}
