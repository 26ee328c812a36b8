package history_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

func minute(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

func dec(text string) apd.Decimal {
	d, _, err := apd.NewFromString(text)
	if err != nil {
		panic(err)
	}
	return *d
}

func line(at int, field, was, is string) history.Line {
	return history.Line{At: minute(at), Field: field, Old: order.Value{Text: was}, New: order.Value{Text: is}, Actor: order.Value{Text: "ann"}}
}

func trade(at int, quantity, price string) history.Trade {
	return history.Trade{At: minute(at), Quantity: dec(quantity), Price: dec(price)}
}

// clean is an order for 100 that was modified once and traded 40 and 60.
func clean() (history.Row, history.Record) {
	row := history.Row{Key: "4711", CreatedAt: start, ChangedAt: minute(9), Values: []order.Value{
		{Text: "7"}, {Text: "AAPL"}, {Text: "BUY"}, {Text: "100.0000"}, {Text: "10.5000"}, {Text: "FILLED"}, {Text: "100.0000"}, {Text: "10.300000"}, {Text: "2025-03-01 09:30:00+00"},
	}}
	return row, history.Record{
		Audit:  []history.Line{line(1, "price", "10.0000", "10.4000"), line(2, "price", "10.4000", "10.5000")},
		Trades: []history.Trade{trade(5, "40", "10"), trade(9, "60", "10.5")},
	}
}

func set(row *history.Row, name, value string) { row.Values[field(name)] = order.Value{Text: value} }

func TestContradictionsAreFoundByKind(t *testing.T) {
	tests := map[history.Contradiction]func(*history.Row, *history.Record){
		history.FilledMismatch:  func(row *history.Row, _ *history.Record) { set(row, "filled_quantity", "90") },
		history.AverageMismatch: func(row *history.Row, _ *history.Record) { set(row, "avg_fill_price", "10.29") },
		history.StatusMismatch:  func(row *history.Row, _ *history.Record) { set(row, "status", "OPEN") },
		history.BrokenChain:     func(_ *history.Row, r *history.Record) { r.Audit[1].Old.Text = "10.3" },
		history.TimeDisorder:    func(row *history.Row, _ *history.Record) { row.CreatedAt = minute(4) },
		history.TradeAfterCancel: func(_ *history.Row, r *history.Record) {
			r.Audit = append(r.Audit, line(6, "status", "PARTIALLY_FILLED", "CANCELED"))
		},
		history.NegativeQuantity: func(row *history.Row, r *history.Record) {
			r.Trades = append(r.Trades, trade(9, "-1", "10.5"), trade(9, "1", "10.5"))
		},
		history.Overfill:     func(row *history.Row, r *history.Record) { set(row, "quantity", "99") },
		history.ActorMissing: func(_ *history.Row, r *history.Record) { r.Audit[0].Actor = order.Null },
		history.UnknownField: func(_ *history.Row, r *history.Record) { r.Audit = append(r.Audit, line(3, "colour", "red", "blue")) },
		history.DuplicateTrade: func(_ *history.Row, r *history.Record) {
			r.Trades[1].Key = "t2"
			r.Trades = append(r.Trades, r.Trades[1])
		},
	}
	schema := schemas(t)
	row, record := clean()
	if a := schema.Reconstruct(row, record); len(a.Findings) > 0 {
		t.Fatalf("a clean order has findings: %v", a.Findings)
	}
	for _, kind := range history.Contradictions() {
		t.Run(string(kind), func(t *testing.T) {
			row, record := clean()
			tests[kind](&row, &record)
			a := schema.Reconstruct(row, record)
			if len(a.Findings) == 0 || slices.ContainsFunc(a.Findings, func(f history.Finding) bool { return f.Kind != kind }) {
				t.Errorf("found %v, want only %s", a.Findings, kind)
			}
		})
	}
}

func schemas(t *testing.T) history.Schema {
	t.Helper()
	return history.Schema{Fields: fields, Rules: vocabularies(t)[0].rules, Actors: true}
}

// TestEvidence holds how sure the deeds are, where legacy's records leave something out.
func TestEvidence(t *testing.T) {
	type want struct {
		kind     history.Kind
		evidence history.Evidence
		at       time.Time
	}
	tests := map[string]struct {
		change func(*history.Row, *history.Record)
		want   []want
	}{
		"a cancel without a line was the last write": {
			func(row *history.Row, r *history.Record) {
				r.Audit, r.Trades = r.Audit[:1], r.Trades[:1]
				set(row, "price", "10.4")
				set(row, "filled_quantity", "40")
				set(row, "avg_fill_price", "10")
				set(row, "status", "CANCELED")
			},
			[]want{{history.Created, history.Exact, start}, {history.Modified, history.Exact, minute(1)}, {history.Traded, history.Exact, minute(5)}, {history.Canceled, history.Derived, minute(9)}},
		},
		"a cancel that something else may have hidden has bounds": {
			func(row *history.Row, r *history.Record) {
				set(row, "quantity", "200")
				set(row, "status", "CANCELED")
			},
			[]want{
				{history.Created, history.Exact, start},
				{history.Modified, history.Exact, minute(1)},
				{history.Modified, history.Exact, minute(2)},
				{history.Traded, history.Exact, minute(5)},
				{history.Traded, history.Exact, minute(9)},
				{history.Canceled, history.Approximated, minute(9)},
			},
		},
		"a change without a line is between two others": {
			func(_ *history.Row, r *history.Record) { r.Audit[1].Old.Text = "10.3" },
			[]want{
				{history.Created, history.Exact, start},
				{history.Modified, history.Exact, minute(1)},
				{history.Modified, history.Approximated, minute(2)},
				{history.Modified, history.Exact, minute(2)},
				{history.Traded, history.Exact, minute(5)},
				{history.Traded, history.Exact, minute(9)},
			},
		},
		"a cancel that the log of the status has lost has bounds": {
			func(row *history.Row, r *history.Record) {
				r.Audit, r.Trades = []history.Line{line(3, "status", "OPEN", "PARTIALLY_FILLED")}, nil
				set(row, "filled_quantity", "0")
				set(row, "status", "CANCELED")
			},
			[]want{{history.Created, history.Exact, start}, {history.Canceled, history.Approximated, minute(9)}},
		},
		"a write after the cancel may have changed anything": {
			func(row *history.Row, r *history.Record) {
				r.Audit, r.Trades = []history.Line{line(3, "status", "OPEN", "CANCELED")}, nil
				set(row, "filled_quantity", "0")
				set(row, "status", "CANCELED")
			},
			[]want{{history.Created, history.Derived, start}, {history.Canceled, history.Exact, minute(3)}},
		},
		"a snapshot has all trades in it": {
			func(row *history.Row, r *history.Record) {
				r.Audit = r.Audit[:0]
				row.ChangedAt = minute(8)
				set(row, "filled_quantity", "110")
			},
			[]want{{history.Created, history.Exact, start}, {history.Traded, history.Exact, minute(5)}, {history.Traded, history.Exact, minute(9)}, {history.Imported, history.FromRow, minute(9)}},
		},
		"only the row": {
			func(_ *history.Row, r *history.Record) {
				*r = history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
			},
			[]want{{history.Imported, history.FromRow, minute(9)}},
		},
		"no audit log": {
			func(_ *history.Row, r *history.Record) { r.Audit = nil },
			[]want{{history.Created, history.Derived, start}, {history.Traded, history.Exact, minute(5)}, {history.Traded, history.Exact, minute(9)}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			row, record := clean()
			tt.change(&row, &record)
			var got []want
			for _, d := range schemas(t).Reconstruct(row, record).Deeds {
				got = append(got, want{d.Kind, d.Evidence, d.At})
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("deeds\n%v, want\n%v", got, tt.want)
			}
		})
	}
}

// TestIdsAreThoseOfTheRecords holds that a second reconstruction gives the same ids, and that no two deeds have one.
func TestIdsAreThoseOfTheRecords(t *testing.T) {
	row, record := clean()
	record.Trades = append(record.Trades, record.Trades[1]) // without keys, equal trades are two
	set(&row, "quantity", "160")
	set(&row, "filled_quantity", "160")
	set(&row, "avg_fill_price", "10.375000")
	first, again := schemas(t).Reconstruct(row, record), schemas(t).Reconstruct(row, record)
	seen := map[string]bool{}
	for i, d := range first.Deeds {
		if d.ID != again.Deeds[i].ID || seen[d.ID.String()] || d.ID.Version() != 5 {
			t.Errorf("deed %d has the id %s, and %s again", i, d.ID, again.Deeds[i].ID)
		}
		seen[d.ID.String()] = true
	}
	if len(first.Findings) > 0 {
		t.Errorf("findings: %v", first.Findings)
	}
}

// TestGapsOfOneTimeAreTwo holds that the ids differ of changes that the log lacks after lines of one time.
func TestGapsOfOneTimeAreTwo(t *testing.T) {
	row, record := clean()
	record.Audit = []history.Line{line(1, "price", "1", "2"), line(1, "price", "3", "4"), line(1, "price", "5", "6")}
	seen := map[string]bool{}
	for _, d := range schemas(t).Reconstruct(row, record).Deeds {
		if seen[d.ID.String()] {
			t.Errorf("two deeds have the id of %+v", d)
		}
		seen[d.ID.String()] = true
	}
}
