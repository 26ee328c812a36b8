package verify_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// racingBook has a trade booked between the look at the rows and the look at the record, at those looks that it is told.
type racingBook struct {
	record history.Record
	looks  int
	races  func(look int) bool
	trade  func(n int) history.Trade
}

func (r *racingBook) Records(_ context.Context, keys []order.Key) (map[order.Key]history.Record, error) {
	if r.looks++; r.races(r.looks) {
		r.record.Trades = append(r.record.Trades, r.trade(len(r.record.Trades)))
	}
	out := map[order.Key]history.Record{}
	for _, k := range keys {
		out[k] = r.record
	}
	return out, nil
}

// TestATradeWhileAnOrderIsReadDoesNotAccuseLegacy loses the fills of an order, and lets legacy fill it further while it is
// read. The record is then newer than the row, which is no contradiction.
func TestATradeWhileAnOrderIsReadDoesNotAccuseLegacy(t *testing.T) {
	for name, c := range map[string]struct {
		races func(look int) bool
		want  string
	}{
		"no trade":                {func(int) bool { return false }, lost},
		"one, as it is drawn":     {func(look int) bool { return look == 1 }, lost},
		"one, as it is judged":    {func(look int) bool { return look == 2 }, lost},
		"two, as it is judged":    {func(look int) bool { return look == 2 || look == 3 }, lost},
		"one at each of 20 looks": {func(look int) bool { return look <= 20 }, ""},
	} {
		f := newFour(t)
		f.projection.Put(row(2, "OPEN", "0"))
		at := f.now
		trade := func(n int) history.Trade {
			f.legacy.Put(row(2, "PARTIALLY_FILLED", strconv.Itoa(n+1)))
			return history.Trade{At: at.Add(time.Duration(n) * time.Second), Quantity: *apd.New(1, 0), Price: *apd.New(1, 0)}
		}
		f.Records = &racingBook{races: c.races, trade: trade, record: history.Record{Audit: []history.Line{}, Trades: []history.Trade{trade(0)}}}
		pass := f.must(f.full(t.Context()))
		if got := f.hops(t); got != c.want {
			t.Errorf("%s: found %q, want %q (%+v)", name, got, c.want, pass.Result)
		}
	}
}
