package compare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/corpustest"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// askedCase is a case on its way into the corpus.
type askedCase struct {
	set, name string
	question  question
}

// fromTables are the cases of all table tests of this package.
func fromTables(t testing.TB) (out []askedCase) {
	add := func(table, name string, q question) { out = append(out, askedCase{"tables", table + ": " + name, q}) }
	for table, cases := range map[string][]diagnosisCase{"projections": projectionCases(t), "legacy": legacyCases(t), "both": bothCases(t)} {
		for _, c := range cases {
			add(table, c.reason, orderAsked(c.oracle, c.e))
		}
	}
	for _, c := range placeCases(t) {
		add("places", c.reason, orderAsked(c.oracle, compare.Evidence{Events: c.events, Projection: c.rows}))
	}
	for _, c := range rowsCases() {
		add("rows", c.name, orderAsked(compare.Oracle{Fields: fields}, compare.Evidence{Legacy: c.legacy, Projection: c.projection}))
	}
	for _, c := range judgeCases() {
		add("judge", c.name, looksAsked(c.was, c.is, c.moves))
	}
	for _, c := range againCases() {
		q := looksAsked(seen(c.rest, "a", "b"), seen(c.at, "a", "b"), 0)
		q.FirstSeen = seen(c.seen, "", "").At
		add("again", c.name, q)
	}
	for _, c := range recordedCases() {
		h := history.Record{Audit: c.audit, Trades: c.trades}
		add("recorded", c.given, &recordedQuestion{storedHistoryOf(h), storedEvents(c.events), recordedBefore})
	}
	for _, c := range publishedCases(t) {
		add("published", c.reason, &publishedQuestion{storedEventOf(c.stored), storedEventOf(c.message)})
	}
	for name, c := range streamedCases(t) {
		add("streamed", name, streamAsked(c.streamed))
	}
	for name, c := range consumedCases(t) {
		add("consumed", name, streamAsked(c.streamed))
	}
	out = append(out, valuesFromTables(t)...)
	slices.SortStableFunc(out, func(a, b askedCase) int { return strings.Compare(a.name, b.name) })
	return out
}

func valuesFromTables(t testing.TB) (out []askedCase) {
	add := func(name string, f order.Field, a, b order.Value) {
		q := &valueQuestion{Field: storedFields([]order.Field{f})[0], A: storedValue(a), B: storedValue(b)}
		out = append(out, askedCase{"tables", name, q})
	}
	for _, c := range numberCases() {
		if len(c.a) > 1000 || len(c.b) > 1000 {
			continue // of 90,000 digits: too much for a file that people read
		}
		for _, fieldType := range []order.FieldType{order.Numeric, order.Integer} {
			add("numbers: "+c.reason, order.Field{Name: "number", Type: fieldType, Tolerance: decimal(t, c.tolerance)}, text(c.a), text(c.b))
		}
	}
	for i, c := range append(textCases(), textCase{a: text("1.0"), b: text("1.00")}) {
		for _, fieldType := range order.FieldTypes() {
			add(fmt.Sprintf("texts: %d as %s", i, fieldType), order.Field{Name: "field", Type: fieldType}, c.a, c.b)
		}
	}
	return out
}

func orderAsked(o compare.Oracle, e compare.Evidence) *orderQuestion {
	q := &orderQuestion{corpustest.Order{
		Fields: storedFields(o.Fields), Events: storedEvents(e.Events), Legacy: storedRows(e.Legacy), Projection: storedRows(e.Projection),
		ProjectionReached: e.ProjectionReached, Silent: e.Silent,
	}}
	if e.History != nil {
		h := storedHistoryOf(*e.History)
		q.History = &h
	}
	return q
}

func looksAsked(was, is compare.Observation, moves int) *looksQuestion {
	return &looksQuestion{
		Window: settle.Window, Rechecks: settle.Rechecks, MaxLag: settle.MaxLag,
		Was: storedLookOf(was), Is: storedLookOf(is), Moves: moves, FirstSeen: t0,
	}
}

func streamAsked(s compare.Streamed) *streamedQuestion {
	q := &streamedQuestion{Stored: storedEvents(s.Stored), From: s.From, Due: s.Due, Whole: s.Whole}
	for _, m := range s.Messages {
		stored := storedMessage{Event: storedEventOf(m.Event), Partition: m.Partition, Keyed: m.Keyed}
		if m.Drift != nil {
			stored.Drift = m.Drift.Error()
		}
		q.Messages = append(q.Messages, stored)
	}
	return q
}
