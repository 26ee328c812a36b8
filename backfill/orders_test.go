package backfill_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// paper is legacy and its event store without servers: one order.
type paper struct {
	backfill.Legacy
	of     history.Case
	stored []order.Event
}

func (p *paper) KeyType() order.KeyType                                       { return order.KeyInteger }
func (p *paper) Estimate(context.Context) (int64, error)                      { return 1, nil }
func (p *paper) Cut(context.Context, verify.KeyRange, int) (order.Key, error) { return "", nil }
func (p *paper) Oldest(context.Context) (time.Time, bool, error) {
	return noon.Add(time.Hour), true, nil
}

func (p *paper) Range(context.Context, verify.KeyRange) (history.Page, error) {
	return history.Page{At: noon.Add(time.Hour), Cases: []history.Case{p.of}}, nil
}

func (p *paper) Histories(context.Context, []order.Key) (map[order.Key][]order.Event, error) {
	return map[order.Key][]order.Event{p.of.Row.Key: p.stored}, nil
}

var noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// entered is an order of 100 at 10 that was entered at noon, and partly filled or not.
func entered(filled, average, status string) history.Case {
	c := history.Case{Row: history.Row{Key: "7", CreatedAt: noon, ChangedAt: noon.Add(time.Minute)}, Record: history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}}
	for _, text := range []string{"1", "AAPL", "BUY", "100", "10", status, filled, average, "2025-03-01 12:00:00+00", "2025-03-01 12:01:00+00"} {
		c.Row.Values = append(c.Row.Values, order.Value{Text: text, Null: text == ""})
	}
	return c
}

func trade(quantity, price int64) history.Trade {
	return history.Trade{At: noon.Add(time.Minute), Key: "t1", Quantity: *apd.New(quantity, 0), Price: *apd.New(price, 0)}
}

// TestOneOrder: what is written must give the row, and what is stored must not hide what is missing.
func TestOneOrder(t *testing.T) {
	t.Parallel()
	partial := func() history.Case {
		c := entered("40", "10.000000", "PARTIALLY_FILLED")
		c.Record.Trades = append(c.Record.Trades, trade(40, 10))
		return c
	}
	onlyRow := entered("40", "10.000000", "PARTIALLY_FILLED")
	tests := map[string]struct {
		of     history.Case
		stored history.Case // its deeds are stored; none without a key
		why    backfill.Missing
		detail string
		number int64 // of the first event that is written
	}{
		"a whole record":                {of: partial(), number: 1},
		"the number goes on":            {of: partial(), stored: entered("0", "", "OPEN"), number: 2},
		"a snapshot without an average": {of: entered("40", "", "PARTIALLY_FILLED"), why: backfill.Unspeakable, detail: "average"},
		"a live entry is no snapshot":   {of: onlyRow, stored: entered("0", "", "OPEN"), why: backfill.Contradicted, detail: "do not fold to the row"},
		"nothing has a time": {of: func() history.Case {
			c := onlyRow
			c.Row.CreatedAt, c.Row.ChangedAt = time.Time{}, time.Time{}
			return c
		}(), why: backfill.Unspeakable, detail: "no record has a time"},
		"a time before the first year": {of: func() history.Case {
			c := entered("0", "", "OPEN")
			c.Row.CreatedAt = time.Date(0, 12, 31, 22, 0, 0, 0, time.UTC)
			return c
		}(), why: backfill.Unspeakable, detail: "within the years 1 to 9999"},
		"a trade before the first year": {of: func() history.Case {
			c := partial()
			c.Record.Trades[0].At = time.Date(-3, 1, 1, 0, 0, 0, 0, time.UTC)
			return c
		}(), why: backfill.Unspeakable, detail: "within the years 1 to 9999"},
		"an impossible history": {of: func() history.Case {
			c := partial()
			c.Record.Trades = append(c.Record.Trades, trade(80, 10))
			c.Record.Trades[1].Key = "t2"
			return c
		}(), why: backfill.Contradicted, detail: "impossible"},
		"a stored price that legacy never had": {of: partial(), stored: func() history.Case {
			c := entered("0", "", "OPEN")
			c.Row.Values[4].Text = "11"
			return c
		}(), why: backfill.Contradicted, detail: "price would be 11, and the row has 10"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := onPaper(t, tt.of, tt.stored)
			r, err := f.Run(t.Context(), run)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tt.why == "" && (len(r.Left) > 0 || len(r.Samples) == 0 || r.Samples[0].Number != tt.number):
				t.Errorf("the report is %+v, %+v", r, r.Samples)
			case tt.why != "" && (r.Left[tt.why] != 1 || r.Events != 0 || !strings.Contains(r.Examples[0].Detail, tt.detail)):
				t.Errorf("the report is %+v", r)
			}
		})
	}
}

// onPaper is a dry run over one order.
func onPaper(t *testing.T, of, stored history.Case) *backfill.Filler {
	t.Helper()
	schema := history.Schema{}
	for _, f := range fields() {
		schema.Fields = append(schema.Fields, f.Name)
	}
	var err error
	if schema.Rules, err = order.NewRules(order.Orders(), fields()); err != nil {
		t.Fatal(err)
	}
	speaker, err := history.NewSpeaker(order.Orders(), schema)
	if err != nil {
		t.Fatal(err)
	}
	p := &paper{of: of}
	if stored.Row.Key != "" {
		for i, d := range schema.Reconstruct(stored.Row, stored.Record).Deeds {
			kind, payload, err := speaker.Say(d, history.Metadata{})
			if err != nil {
				t.Fatal(err)
			}
			e, err := order.Decode(order.RawEvent{Position: order.Position(50 + i), Key: "7", Type: kind, At: d.At, Payload: payload}, schema.Rules)
			if err != nil {
				t.Fatal(err)
			}
			p.stored = append(p.stored, e)
		}
	}
	return &backfill.Filler{Legacy: p, Events: p, DryRun: true, Schema: schema, Speaker: speaker, Judged: schema.Fields, Settle: time.Minute, Workers: 1, Page: 50}
}

// claimed is a store that can be claimed.
type claimed struct{ backfill.Store }

func (claimed) Claim(context.Context, backfill.Run) ([]backfill.Range, error) { return nil, nil }
func (claimed) Oldest(context.Context) (time.Time, bool, error) {
	return noon.Add(time.Hour), true, nil
}

// TestAResumedRunRemembersWhatItLeft holds that orders which were left before the run was stopped are not forgotten.
func TestAResumedRunRemembersWhatItLeft(t *testing.T) {
	t.Parallel()
	f := onPaper(t, entered("0", "", "OPEN"), history.Case{})
	f.DryRun, f.Store = false, claimed{}
	f.Notes = &memory{done: map[int64]backfill.Range{1: {Number: 1, Orders: 9, Left: map[backfill.Missing]int64{backfill.Unspeakable: 2}}}}
	if r, err := f.Run(t.Context(), run); err != nil || r.Resumed != 9 || r.Left[backfill.Unspeakable] != 2 {
		t.Errorf("the report is %+v, %v", r, err)
	}
}

// coarse is a store that does not hold times as they are.
type coarse struct {
	backfill.Store
	off time.Duration
}

func (coarse) Known(context.Context, []order.Key) (map[string]bool, error) { return nil, nil }
func (c coarse) Kept(at time.Time) (time.Time, string)                     { return at.Add(c.off), "time" }

// TestAnEventIsProvenAsItIsKept: what the column makes of its time may contradict the row.
func TestAnEventIsProvenAsItIsKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		off    time.Duration
		why    backfill.Missing
		detail string
	}{
		"rounded":                   {time.Millisecond, backfill.Contradicted, "would be"},
		"the other of two the same": {time.Hour, backfill.Unspeakable, "column time would say 2025-03-01T13:00:00Z instead of 2025-03-01T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			f := onPaper(t, entered("0", "", "OPEN"), history.Case{})
			f.Store = coarse{off: tt.off}
			r, err := f.Run(t.Context(), run)
			if err != nil || r.Left[tt.why] != 1 || !strings.Contains(r.Examples[0].Detail, tt.detail) {
				t.Errorf("the report is %+v, %v", r, err)
			}
		})
	}
}
