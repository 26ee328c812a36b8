package explain_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// corpusOrder is an order of the corpus of judgements: all cases of the tables of compare are in it, and random ones.
type corpusOrder struct {
	name     string
	fields   []order.Field
	evidence compare.Evidence
	want     string // once the settle window is over
}

// storedOrder is a line of the corpus that asks about an order.
type storedOrder struct {
	Name  string
	Asks  string
	Given struct {
		Fields []string
		Events []struct {
			Position order.Position
			Order    order.Key
			Type     string
			At       time.Time
			Payload  json.RawMessage
		}
		Legacy, Projection []storedRow
		History            *struct {
			Audit []struct {
				At       time.Time
				Field    string
				Old, New *string
			}
			Trades []struct {
				At              time.Time
				Quantity, Price string
			}
		}
		ProjectionReached time.Time `json:"projection_reached"`
		Silent            bool
	}
	Answer struct {
		Verdict compare.Verdict
		Hop     order.Hop
		Cause   compare.Cause
		Further []struct {
			Hop   order.Hop
			Cause compare.Cause
		}
	}
}

type storedRow struct {
	Values    []*string
	ChangedAt time.Time `json:"changed_at"`
}

func corpusOrders(t *testing.T) (out []corpusOrder) {
	t.Helper()
	paths, err := filepath.Glob("../compare/testdata/corpus/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			// The other questions have other members.
			var asked struct{ Asks string }
			var s storedOrder
			if err := json.Unmarshal(line, &asked); err != nil {
				t.Fatal(err)
			}
			if asked.Asks != "order" {
				continue
			}
			if err := json.Unmarshal(line, &s); err != nil {
				t.Fatal(err)
			}
			out = append(out, s.order(t))
		}
	}
	return out
}

func (s storedOrder) order(t *testing.T) corpusOrder {
	t.Helper()
	c := corpusOrder{name: s.Name, fields: fieldsFrom(s.Given.Fields)}
	c.evidence = compare.Evidence{
		Legacy: rowsFrom(s.Given.Legacy), Projection: rowsFrom(s.Given.Projection),
		ProjectionReached: s.Given.ProjectionReached, Silent: s.Given.Silent,
	}
	for _, e := range s.Given.Events {
		raw := order.RawEvent{Position: e.Position, Key: key, Type: e.Type, At: e.At, Payload: e.Payload}
		if e.Order != "" {
			raw.Key = e.Order
		}
		event, _ := order.Decode(raw, order.Vocabulary{}) // what cannot be read keeps its place, and is judged
		c.evidence.Events = append(c.evidence.Events, event)
	}
	if h := s.Given.History; h != nil {
		c.evidence.History = &compare.History{}
		if h.Audit != nil {
			c.evidence.History.Audit = []compare.Change{}
		}
		for _, a := range h.Audit {
			c.evidence.History.Audit = append(c.evidence.History.Audit, compare.Change{At: a.At, Field: a.Field, Old: valueFrom(a.Old), New: valueFrom(a.New)})
		}
		if h.Trades != nil {
			c.evidence.History.Trades = []compare.Trade{}
		}
		for _, stored := range h.Trades {
			trade, err := compare.NewTrade(stored.At, stored.Quantity, stored.Price)
			if err != nil {
				t.Fatal(err)
			}
			c.evidence.History.Trades = append(c.evidence.History.Trades, trade)
		}
	}
	c.want = said(compare.Match, "", "")
	if s.Answer.Verdict != compare.Match {
		c.want = said(compare.Diverged, s.Answer.Hop, s.Answer.Cause)
		for _, f := range s.Answer.Further {
			c.want += further(f.Hop, f.Cause)
		}
	}
	return c
}

// fieldsFrom reads fields like "price numeric", or "price numeric 0.01" with a tolerance.
func fieldsFrom(stored []string) (out []order.Field) {
	for _, s := range stored {
		part := strings.Fields(s)
		f := order.Field{Name: part[0], Type: order.FieldType(part[1])}
		if len(part) > 2 {
			f.Tolerance, _, _ = apd.NewFromString(part[2])
		}
		out = append(out, f)
	}
	return out
}

func rowsFrom(stored []storedRow) (out []order.Row) {
	for _, s := range stored {
		row := order.Row{Key: key, ChangedAt: s.ChangedAt}
		for _, v := range s.Values {
			row.Values = append(row.Values, valueFrom(v))
		}
		out = append(out, row)
	}
	return out
}

func valueFrom(v *string) order.Value {
	if v == nil {
		return order.Null
	}
	return order.Value{Text: *v}
}
