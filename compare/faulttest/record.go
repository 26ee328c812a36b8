package faulttest

import (
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/history"
)

const recordParts = 8

// known is what is known of legacy's own record: nothing, no audit log, no trades, or (most often) all of it.
func known(h history.Record, part int) *history.Record {
	switch part {
	case 0:
		return nil
	case 1:
		h.Audit = nil
	case 2:
		h.Trades = nil
	}
	return &h
}

// rowAsRecorded is true if the application could have written legacy's row and legacy's own record.
func rowAsRecorded(w *world) bool {
	h := w.history
	if h == nil {
		return true
	}
	if len(w.legacy) != 1 {
		return len(w.legacy) == 0 && len(h.Trades)+len(h.Audit) == 0
	}
	r := w.legacy[0]
	for i, line := range h.Audit {
		last := !slices.ContainsFunc(h.Audit[i+1:], func(c history.Line) bool { return c.Field == line.Field })
		if last && !same(r.value(line.Field), line.New) {
			return false
		}
	}
	if h.Trades != nil {
		var traded row
		for _, t := range h.Trades {
			traded.filled += units(t.Quantity)
			traded.notional += units(t.Quantity) * units(t.Price)
		}
		if !same(r.value("filled_quantity"), traded.value("filled_quantity")) || !same(r.value("avg_fill_price"), traded.average()) {
			return false
		}
	}
	return statusPossible(r) && !writtenBefore(h, r)
}

func units(d apd.Decimal) int64 {
	n, err := d.Int64()
	if err == nil {
		return n * 10_000
	}
	whole := d
	whole.Exponent += 4
	n, _ = whole.Int64()
	return n
}

// statusPossible is true of a status that goes with what is filled.
func statusPossible(r row) bool {
	filled, quantity := r.value("filled_quantity"), r.value("quantity")
	switch r.value("status").Text {
	case "OPEN":
		return same(filled, (&row{}).value("filled_quantity"))
	case "FILLED":
		return same(filled, quantity)
	case "PARTIALLY_FILLED":
		return !same(filled, (&row{}).value("filled_quantity")) && !same(filled, quantity)
	}
	return true // canceled at any time
}

// writtenBefore is true of a row that is older than something in the record.
func writtenBefore(h *history.Record, r row) bool {
	at := r.updated
	if v, ok := r.edited["updated_at"]; ok {
		at, _ = time.Parse("2006-01-02 15:04:05.999999-07", v.Text)
	}
	const began = time.Second // earlier, and written later
	return slices.ContainsFunc(h.Trades, func(t history.Trade) bool { return t.At.After(at.Add(began)) }) ||
		slices.ContainsFunc(h.Audit, func(c history.Line) bool { return c.At.After(at.Add(began)) })
}

// eventsAsRecorded is true if legacy's own record has each stored trade and modification, and nothing else.
func eventsAsRecorded(w *world) bool {
	if w.history == nil {
		return true
	}
	var made history.Record
	if slices.ContainsFunc(w.stored, func(o op) bool { return o.broken }) {
		return false
	}
	made = record(w.stored, false)
	trade := func(a, b history.Trade) bool {
		return a.At.Equal(b.At) && a.Quantity.Cmp(&b.Quantity) == 0 && a.Price.Cmp(&b.Price) == 0
	}
	change := func(a, b history.Line) bool { return a.At.Equal(b.At) && a.Field == b.Field && same(a.New, b.New) }
	audited := slices.DeleteFunc(slices.Clone(w.history.Audit), func(c history.Line) bool { return c.Field == "status" })
	return (w.history.Trades == nil || slices.EqualFunc(made.Trades, w.history.Trades, trade)) &&
		(w.history.Audit == nil || slices.EqualFunc(made.Audit, audited, change))
}
