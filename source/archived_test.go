package source_test

import (
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// TestArchivedOrders, by a real table: a condition that is NULL does not hold, and of a key that is there twice it must hold
// for both rows.
func TestArchivedOrders(t *testing.T) {
	p := newPair(t, []source.Field{textField("status")})
	p.both(`CREATE TABLE orders (order_id text COLLATE "en-x-icu", status text, closed date);
		INSERT INTO orders VALUES ('a', 'FILLED', '2020-01-01'), ('b', 'OPEN', NULL), ('c', 'FILLED', '2025-01-01'),
			('twice', 'FILLED', '2020-01-01'), ('twice', 'FILLED', NULL), ('both', 'FILLED', '2020-01-01'), ('both', 'FILLED', '2020-01-02'), (NULL, 'FILLED', '2020-01-01')`)
	for _, test := range []struct {
		condition string
		rows      int64
		of        []order.Key
	}{
		{"closed < '2024-01-01'", 4, []order.Key{"a", "both"}},
		{"true", 7, []order.Key{"a", "b", "both", "c", "twice"}},
		{"NULL::boolean", 0, nil},
		{"", 0, nil},
	} {
		p.config[0].Archived = test.condition
		legacy, _ := p.open()
		got, err := legacy.Archived(t.Context(), []order.Key{"a", "b", "c", "twice", "both", "none"})
		if slices.Sort(got); err != nil || !slices.Equal(got, test.of) {
			t.Errorf("%q: the archived orders are %v, %v", test.condition, got, err)
		}
		n, err := legacy.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		if rows, err := n.Archived(t.Context()); err != nil || rows != test.rows {
			t.Errorf("%q: %d archived rows, %v", test.condition, rows, err)
		}
		rows, err := n.Rows(t.Context(), []order.Key{"a", "b"})
		if err != nil || len(rows) != 2 || rows[0].Archived != slices.Contains(test.of, rows[0].Key) || rows[1].Archived != slices.Contains(test.of, rows[1].Key) {
			t.Errorf("%q: %+v, %v", test.condition, rows, err)
		}
	}
}
