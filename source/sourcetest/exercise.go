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

// Opened is a side that shows a table, and a way to add a row to it behind its back.
type Opened struct {
	Side verify.Side
	Add  func(order.Row)
}

// Exercise holds a side against the contract in verify/sides.go. open makes one that shows the table.
func Exercise(t *testing.T, open func(t *testing.T, table Table) Opened) {
	for _, keyType := range []order.KeyType{order.KeyInteger, order.KeyUUID, order.KeyText} {
		for _, indexed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, indexed %v", keyType, indexed), func(t *testing.T) {
				x := exercise{table: table(keyType, indexed)}
				x.Opened = open(t, x.table)
				for _, test := range []struct {
					name string
					run  func(*exercise, *testing.T)
				}{
					{"extent and bounds", (*exercise).extent},
					{"digests partition the rows", (*exercise).partition},
					{"digests of some buckets are those of all", (*exercise).restricted},
					{"digests tell rows apart", (*exercise).telling},
					{"scans follow the key", (*exercise).scans},
					{"rows by key", (*exercise).rows},
					{"draws", (*exercise).draws},
					{"newest changes", (*exercise).changes},
					{"changed since", (*exercise).since},
					{"probe", (*exercise).probe},
					{"ended context", (*exercise).ended},
					{"a snapshot is of one instant", (*exercise).instant}, // last: it changes the table
				} {
					t.Run(test.name, func(t *testing.T) { test.run(&x, t) })
				}
			})
		}
	}
	t.Run("empty", func(t *testing.T) {
		x := exercise{table: table(order.KeyInteger, true)}
		x.table.Rows, x.table.NoKey = nil, 0
		x.Opened = open(t, x.table)
		x.empty(t)
	})
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
	return append(out, out[5]) // a key twice
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

// model is what the suite itself makes of the table.
func (x *exercise) model() *snapshot { return &snapshot{table: x.table} }

// sorted are the keys of all rows in the order of the key type.
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
	if got, err := n.Draw(t.Context(), random(), 10); err != nil || len(got) > 0 {
		t.Errorf("drew %v, %v", got, err)
	}
	if at, err := n.Reached(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("reached %s, %v", at, err)
	}
	if changed, err := n.Changed(t.Context(), 10); err != nil || len(changed) > 0 {
		t.Errorf("changed are %v, %v", changed, err)
	}
}

func (x *exercise) changes(t *testing.T) {
	n := x.begin(t)
	got, err := n.Changed(t.Context(), 3)
	at, reachedErr := n.Reached(t.Context())
	if !x.table.Indexed {
		if !errors.Is(err, verify.ErrNotIndexed) || !errors.Is(reachedErr, verify.ErrNotIndexed) {
			t.Errorf("errors are %v and %v", err, reachedErr)
		}
		return
	}
	noError(t, errors.Join(err, reachedErr))
	last := len(x.table.Rows) - 1
	want := []order.Key{x.table.Rows[last].Key, x.table.Rows[last-1].Key, x.table.Rows[last-2].Key}
	if !slices.Equal(want, got) {
		t.Errorf("changed last are %q, not %q", got, want)
	}
	if !at.Equal(x.table.Rows[last].ChangedAt) {
		t.Errorf("reached %s", at)
	}
}
