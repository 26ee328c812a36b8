package source

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// records are the records of some orders while they are read.
type records struct {
	places map[order.Key]int // in of
	of     []record
	keys   []order.Key
	last   int // the order of the last record: that of the next one too, most often
	read   readRecords
}

// readRecords is how many records of the orders were read.
type readRecords struct{ lines, trades int64 }

type record struct {
	history.Record

	unreadable bool
}

func newRecords(keys []order.Key) *records {
	r := &records{places: make(map[order.Key]int, len(keys)), of: make([]record, len(keys)), keys: keys}
	for i, key := range keys {
		r.places[key] = i
		r.of[i].Record = history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
	}
	return r
}

// at is the place for records of an order; nil if it is not among those that are read.
func (r *records) at(key []byte) *record {
	if r.last < len(r.keys) && string(r.keys[r.last]) == string(key) {
		return &r.of[r.last]
	}
	i, ok := r.places[order.Key(key)]
	if !ok {
		return nil
	}
	r.last = i
	return &r.of[i]
}

// arrange puts records into an order that depends on nothing but themselves, so that every check reads the same.
func (r *records) arrange() {
	for i := range r.of {
		of := &r.of[i]
		slices.SortFunc(of.Trades, compareTrades)
		if len(of.Audit) > 1 {
			slices.SortFunc(of.Audit, compareLines)
			of.Audit = history.InSequence(of.Audit)
		}
	}
}

// readable are the records of the orders that can be read.
func (r *records) readable() map[order.Key]history.Record {
	out := make(map[order.Key]history.Record, len(r.keys))
	for i, key := range r.keys {
		if !r.of[i].unreadable {
			out[key] = r.of[i].Record
		}
	}
	return out
}

func compareLines(a, b history.Line) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return cmp.Or(strings.Compare(a.Field, b.Field), compareValues(a.Old, b.Old), compareValues(a.New, b.New), strings.Compare(a.Key, b.Key))
}

func compareTrades(a, b history.Trade) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return cmp.Or(a.Quantity.Cmp(&b.Quantity), a.Price.Cmp(&b.Price), strings.Compare(a.Key, b.Key))
}

// compareValues puts NULL last.
func compareValues(a, b order.Value) int {
	switch {
	case a.Null == b.Null:
		return strings.Compare(a.Text, b.Text)
	case a.Null:
		return 1
	default:
		return -1
	}
}
