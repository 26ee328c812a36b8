package compare_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/corpustest"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

const (
	drawnOfEach = 25 // cases of each kind for a seed
	drawnEvents = 7
)

// drawCases are random cases, the same for the same seed.
func drawCases(seed int) (out []askedCase) {
	add := func(set, kind string, generator *rapid.Generator[question]) {
		for i := range drawnOfEach {
			out = append(out, askedCase{set, fmt.Sprintf("%s, %d of seed %d", kind, i, seed), generator.Example(seed*1000 + i)})
		}
	}
	drawn := func(draw func(t *rapid.T) question) *rapid.Generator[question] { return rapid.Custom(draw) }
	add("clean", "clean", drawn(drawClean))
	for _, name := range slices.Sorted(maps.Keys(mistakes)) {
		add("mistakes", name, drawn(func(t *rapid.T) question { return drawMistake(t, mistakes[name].mistaken) }))
	}
	wrong := wrongValues()
	for _, cause := range slices.Sorted(maps.Keys(wrong)) {
		add("wrong_values", string(cause), drawn(func(t *rapid.T) question { return drawWrongValue(t, wrong[cause]) }))
	}
	add("odd", "odd", drawn(drawOdd))
	add("odd", "fold", drawn(func(t *rapid.T) question { return &foldQuestion{Events: drawRaw(t)} }))
	add("looks", "looks", drawn(drawLooks))
	add("recorded", "recorded", drawn(drawRecorded))
	add("streamed", "streamed", drawn(drawStreamed))
	return out
}

// drawClean is an order without a mistake, of which each side shows some of the events.
func drawClean(t *rapid.T) question {
	events := ordertest.Clean(t, drawnEvents)
	o, stamped := drawOracle(t)
	shown := func(label string) []order.Row {
		return drawRow(o, events[:rapid.IntRange(0, len(events)).Draw(t, label)], stamped)
	}
	return orderAsked(o, drawEvidence(t, compare.Evidence{Events: events, Legacy: shown("legacy"), Projection: shown("projection")}))
}

// drawMistake is an order of which one side applied the events with a mistake.
func drawMistake(t *rapid.T, mistaken func(*rapid.T, []order.Event) []order.Event) question {
	events := ordertest.Clean(t, drawnEvents)
	var wrong []order.Row
	made := renumbered(mistaken(t, events))
	if state, _ := order.Fold(made); state.Exists() {
		wrong = one(rowOf(oracle, made))
	}
	return orderAsked(oracle, drawSide(t, events, wrong))
}

// drawWrongValue is an order of which one side has a wrong value.
func drawWrongValue(t *rapid.T, wrong func(*rapid.T, *order.Row)) question {
	events := ordertest.Clean(t, drawnEvents)
	row := rowOf(oracle, events)
	wrong(t, &row)
	return orderAsked(oracle, drawSide(t, events, one(row)))
}

// drawSide gives wrong rows to one side, or to both.
func drawSide(t *rapid.T, events []order.Event, wrong []order.Row) compare.Evidence {
	e := compare.Evidence{Events: events, Legacy: one(rowOf(oracle, events)), Projection: one(rowOf(oracle, events))}
	switch rapid.IntRange(0, 5).Draw(t, "side") {
	case 0, 1, 2:
		e.Projection = wrong
	case 3, 4:
		e.Legacy = wrong
	default:
		e.Legacy, e.Projection = wrong, wrong
	}
	return drawEvidence(t, e)
}

// drawEvidence adds what else may be known of an order.
func drawEvidence(t *rapid.T, e compare.Evidence) compare.Evidence {
	e.Silent = rapid.IntRange(0, 3).Draw(t, "silent") == 0
	if rapid.Bool().Draw(t, "reached") && len(e.Events) > 0 {
		e.ProjectionReached = rapid.SampledFrom(e.Events).Draw(t, "newest").At
	}
	if rapid.Bool().Draw(t, "with history") {
		h := drawHistory(t, e.Events)
		e.History = &h
	}
	return e
}

// drawHistory is legacy's own record of the events, of which a line may be missing.
func drawHistory(t *rapid.T, events []order.Event) history.Record {
	h := history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
	for _, e := range events {
		if rapid.IntRange(0, 7).Draw(t, "lost") == 0 {
			continue
		}
		if quantity, price, ok := e.Said.Trade(); ok {
			h.Trades = append(h.Trades, history.Trade{At: e.At, Quantity: quantity, Price: price})
		}
		for _, field := range e.Said.Modifies() {
			to, _ := e.Said.Sets(field)
			h.Audit = append(h.Audit, history.Line{At: e.At, Field: field, New: to})
		}
	}
	return h
}

// drawRaw is a history as a store may hold it, with a position twice or an event of another order.
func drawRaw(t *rapid.T) (out []corpustest.Event) {
	raw := ordertest.Raw(t, ordertest.Key, 0, drawnEvents)
	slices.SortFunc(raw, func(a, b order.RawEvent) int { return cmp.Compare(a.Position, b.Position) })
	for _, e := range raw {
		out = append(out, corpustest.Event{Position: e.Position, Type: e.Type, At: e.At, Payload: e.Payload})
	}
	at := rapid.IntRange(0, len(out)-1).Draw(t, "at")
	switch rapid.IntRange(0, 5).Draw(t, "oddity") {
	case 0:
		out = slices.Insert(out, at, out[at])
	case 1:
		out[at].Order = "43"
	}
	return out
}

// drawOdd is an order with a history that cannot be relied on. Its rows may be anything.
func drawOdd(t *rapid.T) question {
	raw := drawRaw(t)
	events := corpustest.Events(raw)
	rows := func(label string) []order.Row {
		shown := events[:rapid.IntRange(0, len(events)).Draw(t, label)]
		if state, _ := order.Fold(shown); state.Exists() && rapid.IntRange(0, 3).Draw(t, label+" odd") > 0 {
			return one(rowOf(oracle, shown))
		}
		return oddRows(t)
	}
	e := drawEvidence(t, compare.Evidence{Legacy: rows("legacy"), Projection: rows("projection")})
	q := orderAsked(oracle, e)
	q.Events = raw
	return q
}

func drawLooks(t *rapid.T) question {
	states := rapid.SampledFrom([]string{"", "a", "b"})
	look := func(label string, from, to int) compare.Observation {
		o := seen(rapid.IntRange(from, to).Draw(t, label), states.Draw(t, "legacy"), states.Draw(t, "projection"))
		o.EventsState = states.Draw(t, "events")
		if o.LegacyState == o.ProjectionState {
			o.Mismatches = nil
		}
		if rapid.Bool().Draw(t, "stamped") {
			written := rapid.IntRange(from-40, from).Draw(t, "written")
			o = wrote(o, written, written+rapid.IntRange(-2, 2).Draw(t, "reached"))
		}
		return o
	}
	was := look("was", 0, 10)
	is := look("is", 20, 330)
	if rapid.IntRange(0, 2).Draw(t, "at rest") > 0 {
		is.LegacyState, is.ProjectionState, is.EventsState, is.Mismatches = was.LegacyState, was.ProjectionState, was.EventsState, was.Mismatches
	}
	return looksAsked(was, is, rapid.IntRange(0, 3).Draw(t, "moves"))
}

func drawRecorded(t *rapid.T) question {
	events := ordertest.Clean(t, drawnEvents)
	h := drawHistory(t, events)
	lost := rapid.IntRange(0, len(events)-1).Draw(t, "event lost")
	before := rapid.SampledFrom(events).Draw(t, "before").At.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "seconds")) * time.Second)
	return &recordedQuestion{storedHistoryOf(h), storedEvents(slices.Delete(slices.Clone(events), lost, lost+1)), before}
}

// drawStreamed is a topic on which at most two things went wrong.
func drawStreamed(t *rapid.T) question {
	events := ordertest.Clean(t, drawnEvents)
	s := compare.Streamed{Stored: events, Whole: rapid.IntRange(0, 3).Draw(t, "partly") > 0, Due: rapid.SampledFrom(events).Draw(t, "due").At}
	if rapid.Bool().Draw(t, "began later") {
		s.From = rapid.SampledFrom(events).Draw(t, "from").Position
	}
	for _, e := range events {
		s.Messages = append(s.Messages, compare.StreamedMessage{Event: e})
	}
	for range rapid.IntRange(0, 2).Draw(t, "mistakes") {
		i, j := rapid.IntRange(0, len(s.Messages)-1).Draw(t, "where"), rapid.IntRange(0, len(s.Messages)-1).Draw(t, "other")
		switch rapid.IntRange(0, 5).Draw(t, "mistake") {
		case 0:
			s.Messages[i] = s.Messages[j] // one is lost, another one is there twice
		case 1:
			s.Messages = append(s.Messages, s.Messages[i])
		case 2:
			s.Messages[i], s.Messages[j] = s.Messages[j], s.Messages[i]
		case 3:
			s.Messages[i].Partition = 1
		case 4:
			s.Messages[i].Event.Position += 100
		default:
			s.Messages[i].Event.Said, s.Messages[i].Event.Type = ordertest.Said(ordertest.Canceled{}), "OrderCanceled"
		}
	}
	return streamAsked(s)
}
