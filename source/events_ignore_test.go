package source_test

import (
	"math"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// TestEventsOfIgnoredTypesAreNotRead in histories, by position, in counts and as what is newest.
func TestEventsOfIgnoredTypesAreNotRead(t *testing.T) {
	c := eventStore(t, `INSERT INTO event_store VALUES (1, 7, 'OrderCanceled', '2024-01-01 00:00:00+00', '{"reason": "x"}'),
		(2, 7, 'it''s noted', '2024-01-01 00:00:00+00', '{}'), (3, 7, 'OrderSeen', '2024-01-01 00:00:00+00', '{}'), (4, 8, 'it''s noted', '2024-01-01 00:00:00+00', '{}')`)
	c.Rules = ordertest.RulesWith(t, func(r *order.FoldRules) { r.Events["it's noted"] = order.EventRule{Ignore: true} })
	e := openEvents(t, c)
	histories, err := e.Histories(t.Context(), []order.Key{"7", "8"})
	if err != nil || len(histories) != 1 || len(histories["7"]) != 2 {
		t.Errorf("histories are %v, %v; want events 1 and 3 of order 7", histories, err)
	}
	rows := 0
	err = e.Rows(t.Context(), []order.Position{1, 2, 3, 4}, func(order.StoredRow) error { rows++; return nil })
	if err != nil || rows != 2 {
		t.Errorf("%d rows by position, %v; want 2", rows, err)
	}
	counts, _, err := e.CountPositions(t.Context(), math.MinInt64+1, math.MaxInt64, 12, 100)
	if err != nil || len(counts) != 1 || counts[0].Events != 2 {
		t.Errorf("counted %v, %v; want 2", counts, err)
	}
	if h, err := e.Horizon(t.Context()); err != nil || h.Position != 3 {
		t.Errorf("the newest is %v, %v; want 3", h.Position, err)
	}
}
