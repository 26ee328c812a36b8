package history_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

func auditor(t testing.TB, v vocabulary) *history.Auditor {
	t.Helper()
	schema := history.Schema{Fields: fields, Rules: v.rules}
	speaker, err := history.NewSpeaker(v.spec, schema)
	if err != nil {
		t.Fatal(err)
	}
	return &history.Auditor{Schema: schema, Speaker: speaker, Judged: []string{"quantity", "price", "status", "filled_quantity", "avg_fill_price"}}
}

func TestACleanOrderIsAuditedClean(t *testing.T) {
	for _, v := range vocabularies(t) {
		t.Run(v.name, func(t *testing.T) {
			a := auditor(t, v)
			rapid.Check(t, func(t *rapid.T) {
				l := lives(t, v.rules)
				events := told(t, v.rules, a.Speaker, a.Reconstruct(l.row, l.record))
				got := a.Audit(history.Case{Row: l.row, Record: l.record, Events: events})
				if len(got.Legacy)+len(got.Deviants)+len(got.Moments)+len(got.Ends) > 0 {
					t.Fatalf("found %+v", got)
				}
				n := got.Tally
				all := func(s history.Share, of int) bool { return s == history.Share{Of: int64(of), All: int64(of)} }
				if n.Orders != 1 || !all(n.Whole, 1) || !all(n.Ends, 1) || !all(n.TradesTold, len(l.record.Trades)) || !all(n.LinesTold, len(l.record.Audit)) ||
					!all(n.EventsKnown, len(events)) || !all(n.Moments, len(l.record.Audit)) || n.Errors.Of != 0 || n.Errors.All != int64(len(events)) {
					t.Fatalf("numbers %+v of %d events, %d trades, %d lines", n, len(events), len(l.record.Trades), len(l.record.Audit))
				}
			})
		})
	}
}

// TestALostEventShowsInAllNumbers holds that each number notices.
func TestALostEventShowsInAllNumbers(t *testing.T) {
	v := vocabularies(t)[0]
	a := auditor(t, v)
	row, record := clean()
	events := told(t, v.rules, a.Speaker, a.Reconstruct(row, record))
	got := a.Audit(history.Case{Row: row, Record: record, Events: append(events[:1:1], events[2:]...)}) // the first change is lost
	n := got.Tally
	if n.Whole.Of != 0 || n.LinesTold != (history.Share{Of: 1, All: 2}) || n.TradesTold != (history.Share{Of: 2, All: 2}) || n.Errors != (history.Share{Of: 1, All: 5}) ||
		n.Moments != (history.Share{Of: 1, All: 2}) || n.Ends.Of != 1 || len(got.Deviants) != 1 || got.Deviants[0].Kind != history.MissingEvent {
		t.Errorf("numbers %+v, deviants %+v", n, got.Deviants)
	}
}

func BenchmarkAudit(b *testing.B) {
	v := vocabularies(b)[0]
	a := auditor(b, v)
	row, record := clean()
	events := make([]order.Event, 0, 5)
	for i, d := range a.Reconstruct(row, record).Deeds {
		kind, payload, _ := a.Speaker.Say(d, history.Metadata{})
		e, err := order.Decode(order.RawEvent{Position: order.Position(i), Key: row.Key, Type: kind, At: d.At, Payload: payload}, v.rules)
		if err != nil {
			b.Fatal(err)
		}
		events = append(events, e)
	}
	b.ReportAllocs()
	for b.Loop() {
		a.Audit(history.Case{Row: row, Record: record, Events: events})
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkMoments measures how many moments of the audit log are re-created in a second: the stored events of an order are decoded,
// folded up to each moment, and compared.
func BenchmarkMoments(b *testing.B) {
	v := vocabularies(b)[0]
	a := auditor(b, v)
	row, record := clean()
	raw := make([]order.RawEvent, 0, 5)
	for i, d := range a.Reconstruct(row, record).Deeds {
		kind, payload, err := a.Speaker.Say(d, history.Metadata{Batch: "b"})
		if err != nil {
			b.Fatal(err)
		}
		raw = append(raw, order.RawEvent{Position: order.Position(i), Key: row.Key, Type: kind, At: d.At, Payload: payload})
	}
	events := make([]order.Event, len(raw))
	decode := func() {
		for i := range raw {
			events[i], _ = order.Decode(raw[i], v.rules)
		}
	}
	each := func(before func()) func(*testing.B) {
		return func(b *testing.B) {
			moments := 0
			b.ReportAllocs()
			for b.Loop() {
				before()
				compared, differ := a.Moments(record, events)
				if len(differ) > 0 {
					b.Fatal(differ)
				}
				moments += compared
			}
			b.ReportMetric(float64(moments)/b.Elapsed().Seconds(), "moments/s")
		}
	}
	decode()
	b.Run("decoded", each(func() {}))
	b.Run("stored", each(decode))
}

// BenchmarkReconstruct measures how many events of an order are made from its records, and said.
func BenchmarkReconstruct(b *testing.B) {
	a := auditor(b, vocabularies(b)[0])
	row, record := clean()
	events, payloads := 0, []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		payloads = payloads[:0]
		deeds := a.Reconstruct(row, record).Deeds
		for i := range deeds {
			var err error
			if _, payloads, err = a.Speaker.SayTo(payloads, &deeds[i], history.Metadata{Batch: "b"}); err != nil {
				b.Fatal(err)
			}
		}
		events += len(deeds)
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// TestAnOrderOfUnknownAgeIsAuditedLikeAllOthers: legacy does not say when it was created, and has no record of it.
func TestAnOrderOfUnknownAgeIsAuditedLikeAllOthers(t *testing.T) {
	for _, v := range vocabularies(t) {
		a := auditor(t, v)
		row, _ := clean()
		set(&row, "status", "OPEN")
		set(&row, "filled_quantity", "0")
		row.Values[field("avg_fill_price")] = order.Null
		record := history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
		events := told(t, v.rules, a.Speaker, a.Reconstruct(row, record))
		row.CreatedAt = time.Time{}
		for _, stored := range [][]order.Event{events, told(t, v.rules, a.Speaker, a.Reconstruct(row, record))} {
			got := a.Audit(history.Case{Row: row, Record: record, Events: stored})
			if len(got.Legacy)+len(got.Deviants)+len(got.Ends) > 0 || got.Tally.Evidence[history.Exact] > 0 {
				t.Errorf("%s, %s: found %+v", v.name, stored[0].Type, got)
			}
		}
		row.ChangedAt = events[0].At.Add(-time.Second)
		if got := a.Audit(history.Case{Row: row, Record: record, Events: events}); len(got.Deviants) == 0 || len(got.Legacy) > 0 {
			t.Errorf("%s: created after the row was written: %+v", v.name, got)
		}
	}
}
