package lab_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/nordvarg/crosscheck/lab"
)

// TestInconsistenciesAreOfAllKinds holds that each kind happens to as many orders as asked, and to others than the other kinds.
func TestInconsistenciesAreOfAllKinds(t *testing.T) {
	t.Parallel()
	l := up(t, nil, lab.Options{History: lab.History{Orders: 3000, Backfilled: 80}})
	const records = "SELECT (SELECT count(*) FROM trades) * 1000000 + (SELECT count(*) FROM audit_log)"
	before := number(t, l.LegacyDSN, records)
	planted, err := l.PlantInconsistencies(deadline(t), 5)
	if err != nil {
		t.Fatal(err)
	}
	kinds, want, seen := map[string]int{}, map[string]int{}, map[int64]bool{}
	for _, p := range planted {
		kinds[p.Kind]++
		if seen[p.OrderID] || len(p.Leaves) == 0 {
			t.Errorf("order %d is there twice, or leaves nothing: %+v", p.OrderID, p)
		}
		seen[p.OrderID] = true
	}
	for _, kind := range lab.InconsistencyKinds() {
		want[kind] = 5
	}
	if !maps.Equal(kinds, want) {
		t.Errorf("planted %v", kinds)
	}
	for what, count := range map[string]string{
		"trades are there twice":      "SELECT count(*) - count(DISTINCT trade_id) FROM trades",
		"records have no order":       "SELECT count(*) FROM (SELECT order_id FROM trades UNION ALL SELECT entity_id FROM audit_log) AS r WHERE NOT EXISTS (SELECT FROM orders AS o WHERE o.order_id = r.order_id) AND r.order_id > 0",
		"lines name nobody":           "SELECT count(*) FROM audit_log WHERE changed_by IS NULL",
		"orders have filled too much": "SELECT count(*) FROM orders WHERE filled_quantity > quantity",
	} {
		most := int64(5)
		if what == "records have no order" {
			most = 10
		}
		if n := number(t, l.LegacyDSN, count); n != most {
			t.Errorf("%d %s, want %d", n, what, most)
		}
	}
	again, err := l.PlantInconsistencies(deadline(t), 5)
	if err != nil || len(again) != len(planted) {
		t.Errorf("planted again: %d, %v", len(again), err)
	}
	if _, err := l.PlantInconsistencies(deadline(t), 6); !errors.Is(err, lab.ErrOtherInconsistencies) {
		t.Errorf("another number was taken for the same: %v", err)
	}
	if err := errors.Join(l.MendLegacy(deadline(t)), l.Refresh(deadline(t))); err != nil {
		t.Fatal(err)
	}
	wantNoDifferences(t, l.LegacyDSN, l.EventsDSN)
	if n := number(t, l.LegacyDSN, records); n != before {
		t.Errorf("%d records (trades and lines), before it were %d", n, before)
	}
	few := up(t, nil, lab.Options{History: lab.History{Orders: 50}})
	if _, err := few.PlantInconsistencies(deadline(t), 20); !errors.Is(err, lab.ErrTooFewOrders) {
		t.Errorf("20 of each kind were planted in 50 orders: %v", err)
	}
}
