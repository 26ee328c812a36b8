package gate

import (
	"math"
	"testing"
	"time"
)

func TestSequences(t *testing.T) {
	c := Defaults().Sequences
	c.MinAhead = 10
	read := func(all ...SequenceAhead) func(*Evidence) {
		return func(e *Evidence) { e.Sequences = &SequencesEvidence{Sequences: all, At: now.Add(-time.Minute)} }
	}
	sequence := func(ahead int64) SequenceAhead {
		return SequenceAhead{Name: "orders_seq", Legacy: "orders.id", Ahead: ahead}
	}
	behind := SequenceAhead{Name: "orders_seq", Legacy: "orders.id", Ahead: -5, Behind: "orders_seq gives 7 next, and legacy has given 12"}
	unread := SequenceAhead{Name: "fills_seq", Unread: "permission denied"}
	check(t, c, []sentence{
		given("none configured", func(*Evidence) {}, Inconclusive, "no evidence", "cutover.sequences"),
		given("an empty list", read(), Inconclusive, "no evidence"),
		given("all ahead", read(sequence(10), sequence(4000)), Passes, "nearest of 2 sequences", "by 10"),
		given("one not far enough", read(sequence(9), sequence(4000)), Fails, "ahead of orders.id by 9", "setval"),
		given("one behind", read(behind, sequence(4000)), Fails, "1 of 2 sequences", "gives 7 next"),
		given("one that cannot be read", read(unread, sequence(4000)), Inconclusive, "fills_seq: permission denied"),
		given("one behind, and one that cannot be read", read(unread, behind), Fails, "gives 7 next"),
		given("a legacy without a row", read(sequence(math.MaxInt64)), Passes, "legacy has given none"),
		given("a look too long ago", func(e *Evidence) { read(sequence(10))(e); e.Sequences.At = now.Add(-time.Hour) }, Inconclusive, "the limit is 10m"),
	})
	c.MinAhead = 0
	check(t, c, []sentence{given("a limit of zero", read(sequence(1)), Errored, "min_ahead")})
}
