package sourcetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Opened is a side that shows a table, with a function that adds a row to the table.
type Opened struct {
	Side verify.Side
	Add  func(order.Row)
}

// part is one test of the suite.
type part struct {
	name string
	run  func(*exercise, *testing.T)
}

// Exercise checks a side against the contract in verify/sides.go. open returns a side that shows the table.
func Exercise(t *testing.T, open func(t *testing.T, table Table) Opened) {
	run(t, open, table, []part{
		{"extent and bounds", (*exercise).extent},
		{"digests partition the rows", (*exercise).partition},
		{"digests of some buckets are those of all", (*exercise).restricted},
		{"paced digests are the same", (*exercise).paced},
		{"rows digested by themselves", (*exercise).items},
		{"digests tell rows apart", (*exercise).telling},
		{"one number", (*exercise).whole},
		{"scans follow the key", (*exercise).scans},
		{"ranges hold each row once", (*exercise).within},
		{"sums of ranges", (*exercise).sums},
		{"buckets by hash", (*exercise).hashed},
		{"rows by key", (*exercise).rows},
		{"draws", (*exercise).draws},
		{"newest changes", (*exercise).changes},
		{"changed since", (*exercise).since},
		{"probe", (*exercise).probe},
		{"ended context", (*exercise).ended},
		{"a snapshot is of one instant", (*exercise).instant}, // it and the next change the table
		{"what was written", (*exercise).written},
	})
	t.Run("empty", func(t *testing.T) {
		x := exercise{table: table(order.KeyInteger, true)}
		x.table.Rows, x.table.NoKey = nil, 0
		x.Opened = open(t, x.table)
		x.empty(t)
	})
}

// ExerciseDerived checks a side that computes its rows, for example from events, against the contract. It has one row
// for a key, cannot draw by address, and cannot find rows by time. The table has the fields status and filled_quantity,
// and valid orders: OPEN without a trade, PARTIALLY_FILLED or FILLED by one, which may have a negative quantity.
func ExerciseDerived(t *testing.T, open func(t *testing.T, table Table) Opened) {
	run(t, open, derived, []part{
		{"extent and bounds", (*exercise).extent},
		{"digests partition the rows", (*exercise).partition},
		{"digests of some buckets are those of all", (*exercise).restricted},
		{"paced digests are the same", (*exercise).paced},
		{"digests tell rows apart", (*exercise).telling},
		{"one number", (*exercise).whole},
		{"scans follow the key", (*exercise).scans},
		{"ranges hold each row once", (*exercise).within},
		{"sums of ranges", (*exercise).sums},
		{"buckets by hash", (*exercise).hashed},
		{"rows by key", (*exercise).rows},
		{"no addresses", (*exercise).noAddresses},
		{"probe", (*exercise).probe},
		{"ended context", (*exercise).ended},
		{"a snapshot is of one instant", (*exercise).instant},
	})
}

func run(t *testing.T, open func(t *testing.T, table Table) Opened, table func(order.KeyType, bool) Table, parts []part) {
	t.Helper()
	for _, keyType := range []order.KeyType{order.KeyInteger, order.KeyUUID, order.KeyText} {
		for _, indexed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, indexed %v", keyType, indexed), func(t *testing.T) {
				x := exercise{table: table(keyType, indexed)}
				x.Opened = open(t, x.table)
				for _, p := range parts {
					t.Run(p.name, func(t *testing.T) { p.run(&x, t) })
				}
			})
		}
	}
}

// derived is the table without rows that events cannot make.
func derived(keyType order.KeyType, indexed bool) Table {
	t := table(keyType, indexed)
	t.Fields[1].Name, t.NoKey = "filled_quantity", 0
	t.Rows = t.Rows[:len(t.Rows)-1] // a duplicate key
	for i := range t.Rows {
		row := &t.Rows[i]
		row.ChangedAt = start.Add(time.Duration(i) * time.Second)
		row.Values[0].Null = false
		switch {
		case row.Values[1].Text == "0":
			row.Values[0].Text = order.StatusOpen
		case i%2 == 0:
			row.Values[0].Text = order.StatusFilled
		default:
			row.Values[0].Text = order.StatusPartiallyFilled
		}
	}
	return t
}

func (x *exercise) noAddresses(t *testing.T) {
	n := x.begin(t)
	if d, err := n.Draws(t.Context()); err != nil || d.NoAddress == "" || d.Addresses != 0 {
		t.Errorf("rows are drawn by %+v, %v", d, err)
	}
	if _, err := n.Changed(t.Context(), 1); !errors.Is(err, verify.ErrNotIndexed) {
		t.Errorf("the newest changes: %v", err)
	}
	if at, err := n.NewestChange(t.Context()); !at.IsZero() || err != nil && !errors.Is(err, verify.ErrNotIndexed) {
		t.Errorf("reached %s, %v", at, err)
	}
}

type exercise struct {
	Opened
	table Table
}

var start = time.Date(2024, 5, 1, 12, 0, 0, 1000, time.UTC)

// table has gaps, negative and extreme keys, a key twice, and rows without one.
func table(keyType order.KeyType, indexed bool) Table {
	t := Table{
		KeyType: keyType, Indexed: indexed, GroupBy: "status", NoKey: 2,
		Fields: []order.Field{{Name: "status", Type: order.Text}, {Name: "filled", Type: order.Numeric}},
	}
	for i, key := range keys(keyType) {
		status := order.Value{Text: []string{"OPEN", "FILLED", ""}[i%3]}
		if i%7 == 0 {
			status = order.Null
		}
		t.Rows = append(t.Rows, order.Row{
			Key: key, ChangedAt: start.Add(time.Duration(i) * time.Second),
			Values: []order.Value{status, {Text: strconv.Itoa(i%5 - 2)}},
		})
	}
	t.Rows[3].ChangedAt = time.Time{}
	return t
}

func keys(keyType order.KeyType) []order.Key {
	var out []order.Key
	switch keyType {
	case order.KeyInteger:
		for _, k := range []int64{math.MinInt64, -1 << 40, -129, -128, -127, -1, 0, 1, 127, 128, 129, 10, 9, 1 << 32, math.MaxInt64 - 1, math.MaxInt64} {
			out = append(out, order.Key(strconv.FormatInt(k, 10)))
		}
	case order.KeyUUID:
		for i := range 16 {
			out = append(out, order.Key(fmt.Sprintf("%x0000000-0000-0000-0000-00000000000%x", i, 15-i)))
		}
	default:
		out = []order.Key{"", "a", "A", "B", "b", "é", "e\u0301", "Z", "_", "10", "9", "日", "😀", "\uffff", "'", " "}
	}
	return append(out, out[5]) // a duplicate key
}

// absent are keys that no row has.
var absent = map[order.KeyType][2]order.Key{
	order.KeyInteger: {"77", "78"},
	order.KeyUUID:    {"00000000-0000-0000-0000-0000000000aa", "00000000-0000-0000-0000-0000000000bb"},
	order.KeyText:    {"absent", "late"},
}

func (x *exercise) begin(t *testing.T) verify.Snapshot {
	t.Helper()
	n, err := x.Side.Begin(t.Context())
	noError(t, err)
	t.Cleanup(n.Close)
	return n
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// model is the suite's own computation from the table.
func (x *exercise) model() *snapshot { return &snapshot{table: x.table} }

// sorted returns the keys of all rows in the order of the key type.
func (x *exercise) sorted() []order.Key {
	var out []order.Key
	for _, r := range x.table.Rows {
		out = append(out, r.Key)
	}
	slices.SortFunc(out, x.model().compare)
	return out
}

func (x *exercise) extent(t *testing.T) {
	n, all := x.begin(t), x.sorted()
	e, err := n.Extent(t.Context())
	noError(t, err)
	if x.table.KeyType == order.KeyInteger && (e.Min != all[0] || e.Max != all[len(all)-1]) {
		t.Errorf("bounds are %q and %q", e.Min, e.Max)
	}
	if e.Empty || e.Rows < 1 || e.Indexed != x.table.Indexed {
		t.Errorf("extent is %+v", e)
	}
	bounds, err := n.Bounds(t.Context(), e)
	noError(t, err)
	if !slices.IsSortedFunc(bounds, x.model().compare) || len(slices.Compact(slices.Clone(bounds))) != len(bounds) {
		t.Errorf("bounds are %q", bounds)
	}
	if x.Side.KeyType() != x.table.KeyType {
		t.Errorf("key type is %s", x.Side.KeyType())
	}
}

func (x *exercise) empty(t *testing.T) {
	n := x.begin(t)
	if e, err := n.Extent(t.Context()); err != nil || !e.Empty {
		t.Errorf("extent is %+v, %v", e, err)
	}
	if found := x.digests(t, n, verify.DigestQuery{Layout: verify.Layout{Shift: 8}}); len(found) > 0 {
		t.Errorf("digests are %v", found)
	}
	if got, err := n.At(t.Context(), nil); err != nil || len(got) > 0 {
		t.Errorf("drew %v, %v", got, err)
	}
	if at, err := n.NewestChange(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("reached %s, %v", at, err)
	}
	if changed, err := n.Changed(t.Context(), 10); err != nil || len(changed) > 0 {
		t.Errorf("changed are %v, %v", changed, err)
	}
}

func (x *exercise) changes(t *testing.T) {
	n := x.begin(t)
	got, err := n.Changed(t.Context(), 3)
	at, reachedErr := n.NewestChange(t.Context())
	if !x.table.Indexed {
		if !errors.Is(err, verify.ErrNotIndexed) || !errors.Is(reachedErr, verify.ErrNotIndexed) {
			t.Errorf("errors are %v and %v", err, reachedErr)
		}
		return
	}
	noError(t, errors.Join(err, reachedErr))
	last := len(x.table.Rows) - 1
	var want []verify.Change
	for _, r := range []order.Row{x.table.Rows[last], x.table.Rows[last-1], x.table.Rows[last-2]} {
		want = append(want, verify.Change{Key: r.Key, At: r.ChangedAt.UTC()})
	}
	if !slices.Equal(want, got) {
		t.Errorf("changed last are %v, not %v", got, want)
	}
	if !at.Equal(x.table.Rows[last].ChangedAt) {
		t.Errorf("reached %s", at)
	}
}
