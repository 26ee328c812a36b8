package repair_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/repair"
	"github.com/nordvarg/crosscheck/verify"
)

var start = time.Date(2025, 3, 1, 9, 30, 0, 0, time.UTC)

func minute(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

var fields = []order.Field{
	{Name: "quantity", Type: order.Numeric},
	{Name: "price", Type: order.Numeric},
	{Name: "status", Type: order.Text},
	{Name: "filled_quantity", Type: order.Numeric},
	{Name: "avg_fill_price", Type: order.Numeric},
	{Name: "trader_id", Type: order.Text},
	{Name: "symbol", Type: order.Text},
	{Name: "side", Type: order.Text},
}

func values(texts ...string) (out []order.Value) {
	for _, text := range append(texts, "T1", "NVDA", "BUY") {
		if text == "" {
			out = append(out, order.Null)
			continue
		}
		out = append(out, order.Value{Text: text})
	}
	return out
}

// planner knows a store and rows of the default schema.
func planner(t *testing.T) *repair.Planner {
	t.Helper()
	schema := history.Schema{Rules: order.Defaults()}
	rows := repair.Rows{Key: "order_id", Of: map[string]string{}, Setting: "repair.projection", Table: repair.Table{Name: "kept", Kind: "r", Columns: []repair.Column{{Name: "order_id", Type: "bigint", NotNull: true}}}}
	for _, f := range fields {
		schema.Fields = append(schema.Fields, f.Name)
		rows.Of[f.Name] = f.Name
		rows.Columns = append(rows.Columns, repair.Column{Name: f.Name, Type: string(f.Type)})
	}
	speaker, _ := history.NewSpeaker(order.Orders(), schema) // nobody needs to say OrderImported
	column := func(name, kind string) repair.Column { return repair.Column{Name: name, Type: kind, NotNull: true} }
	id := column("event_id", "bigint")
	id.Default = true
	return &repair.Planner{
		Fields: fields, Rules: order.Defaults(), Schema: schema, Speaker: speaker, Rows: rows, Batch: "b1",
		Store: repair.Store{
			Table: repair.Table{Name: "event_store", Kind: "r", Columns: []repair.Column{
				id, column("order_id", "bigint"), column("event_type", "text"), column("timestamp", "timestamp with time zone"), column("payload", "jsonb"),
			}},
			Read: "event_store", Key: "order_id", Position: "event_id", Payload: "payload",
			Columns: map[string]string{"order_id": "{key}", "event_type": "{type}", "timestamp": "{at}", "payload": "{payload}"},
		},
	}
}

// lost is an order whose fill has no event.
func lost() repair.Case {
	row := history.Row{Key: "7", Values: values("100", "10", "FILLED", "100", "10"), CreatedAt: start, ChangedAt: minute(3)}
	record := history.Record{Audit: []history.Line{}, Trades: []history.Trade{{Key: "t1", At: minute(3), Quantity: *apd.New(100, 0), Price: *apd.New(10, 0)}}}
	c := repair.Case{
		Open: []verify.Divergence{{Mismatch: compare.Mismatch{Key: "7", Hop: order.LegacyToEvents, Cause: compare.LostShadowWrite}}},
		Past: &history.Case{Row: row, Record: record},
	}
	c.Key, c.EventStore, c.Recorded, c.NewestEvent, c.At = "7", true, true, minute(60), minute(90)
	c.Legacy = []order.Row{{Key: "7", Values: row.Values, ChangedAt: minute(3)}}
	c.Projection = []order.Row{{Key: "7", Values: values("100", "10", "OPEN", "0", ""), ChangedAt: start}}
	c.ProjectionReached = minute(60)
	c.History = &record
	c.Events = []order.Event{ordertest.Event(1, "7", start, ordertest.Created{Trader: "T1", Symbol: "NVDA", Side: "BUY", Quantity: *apd.New(100, 0), Price: apd.NullDecimal{Valid: true, Decimal: *apd.New(10, 0)}})}
	return c
}

func TestALostFillIsAppended(t *testing.T) {
	var plan repair.Plan
	planner(t).Add(&plan, lost())
	if len(plan.Orders) != 1 || len(plan.Decide) > 0 {
		t.Fatalf("planned %+v", plan)
	}
	sql := plan.Orders[0].Statements[0].SQL
	for _, part := range []string{
		`INSERT INTO event_store ("order_id", "event_type", "timestamp", "payload")`, "'OrderFilled'", "'2025-03-01T09:33:00Z'", `"batch":"b1"`, `"source_key":"t1"`,
		"count(*) = 1 AND max((event_id)::bigint) = 1", "count(*) = 2 AND max((event_id)::bigint) > 1",
	} {
		if !strings.Contains(sql, part) {
			t.Errorf("%q is not in\n%s", part, sql)
		}
	}
	for _, never := range []string{"UPDATE", "DELETE", "TRUNCATE"} {
		if strings.Contains(sql, never) {
			t.Errorf("%s in\n%s", never, sql)
		}
	}
}

// TestWhatCannotBePlannedIsForPeople: each case is spoiled in one way, and the reason is told.
func TestWhatCannotBePlannedIsForPeople(t *testing.T) {
	for want, spoil := range map[string]func(*repair.Planner, *repair.Case){
		"is not known, or changed": func(_ *repair.Planner, c *repair.Case) { c.Past = nil },
		"legacy contradicts its own record": func(_ *repair.Planner, c *repair.Case) {
			c.Past.Record.Trades[0].Quantity = *apd.New(60, 0)
			c.History = &c.Past.Record
		},
		"backfill.columns does not give it": func(p *repair.Planner, _ *repair.Case) {
			p.Store.Table.Columns = append(p.Store.Table.Columns, repair.Column{Name: "origin", Type: "text", NotNull: true})
		},
		"no column of event_store gets the event's type": func(p *repair.Planner, _ *repair.Case) {
			delete(p.Store.Columns, "event_type")
			p.Store.Table.Columns[2].NotNull = false
		},
		"is no table":               func(p *repair.Planner, _ *repair.Case) { p.Store.Kind = "v" },
		"in their payloads":         func(p *repair.Planner, _ *repair.Case) { p.Store.TimeElsewhere = true },
		"is computed by the server": func(p *repair.Planner, _ *repair.Case) { p.Store.Table.Columns[3].Generated = true },
	} {
		p, c := planner(t), lost()
		spoil(p, &c)
		var plan repair.Plan
		p.Add(&plan, c)
		if len(plan.Orders) > 0 || len(plan.Decide) != 1 || !strings.Contains(plan.Decide[0].Why, want) || plan.Decide[0].Decide == "" {
			t.Errorf("%s: planned %+v", want, plan)
		}
	}
}

// wrong is an order whose row in the projection differs.
func wrong() repair.Case {
	c := lost()
	c.Open[0].Mismatch.Hop, c.Open[0].Mismatch.Cause = order.EventsToProjection, compare.WrongValue
	c.Events = append(c.Events, ordertest.Event(2, "7", minute(3), ordertest.Filled{Quantity: *apd.New(100, 0), Price: *apd.New(10, 0)}))
	c.Projection[0] = order.Row{Key: "7", Values: values("100", "11", "FILLED", "99", "10"), ChangedAt: minute(3)}
	c.Stored = []map[string]order.Value{{"order_id": {Text: "7"}}}
	for i, f := range fields {
		c.Stored[0][f.Name] = c.Projection[0].Values[i]
	}
	return c
}

func TestARowIsRebuiltFromTheFold(t *testing.T) {
	var plan repair.Plan
	planner(t).Add(&plan, wrong())
	if len(plan.Orders) != 1 || !strings.Contains(plan.Orders[0].Statements[0].SQL, `UPDATE kept AS t SET "price" = '10', "filled_quantity" = '100'`+"\n  WHERE (order_id) = '7'") {
		t.Errorf("planned %+v", plan)
	}
}

func TestARowThatCannotBeRebuiltIsForPeople(t *testing.T) {
	for want, spoil := range map[string]func(*repair.Planner, *repair.Case){
		"repair.projection names the one": func(p *repair.Planner, _ *repair.Case) { p.Rows.Kind = "m" },
		"nothing tells which row to keep": func(_ *repair.Planner, c *repair.Case) { c.Stored = append(c.Stored, c.Stored[0]) },
		"is right already": func(_ *repair.Planner, c *repair.Case) {
			c.Stored[0]["price"], c.Stored[0]["filled_quantity"] = order.Value{Text: "10.0000"}, order.Value{Text: "100"}
		},
		"no column of kept is known to have price": func(p *repair.Planner, _ *repair.Case) { delete(p.Rows.Of, "price") },
		"needs a value that the events do not give": func(p *repair.Planner, c *repair.Case) {
			c.Stored = nil
			p.Rows.Columns = append(p.Rows.Columns, repair.Column{Name: "filled_notional", Type: "numeric", NotNull: true})
		},
	} {
		p, c := planner(t), wrong()
		spoil(p, &c)
		var plan repair.Plan
		p.Add(&plan, c)
		if len(plan.Orders) > 0 || len(plan.Decide) != 1 || !strings.Contains(plan.Decide[0].Why, want) {
			t.Errorf("%s: planned %+v", want, plan)
		}
	}
}

// TestBothHopsOfAnOrder: the row is rebuilt from the stored events, before the missing one is appended: the projector applies
// that by itself.
func TestBothHopsOfAnOrder(t *testing.T) {
	c := lost()
	c.Projection[0].Values = values("100", "11", "OPEN", "0", "")
	c.Stored = []map[string]order.Value{{}}
	for i, f := range fields {
		c.Stored[0][f.Name] = c.Projection[0].Values[i]
	}
	c.Open = append(c.Open, verify.Divergence{Mismatch: compare.Mismatch{Key: "7", Hop: order.EventsToProjection, Cause: compare.WrongValue}})
	var plan repair.Plan
	planner(t).Add(&plan, c)
	if len(plan.Orders) != 1 || len(plan.Orders[0].Statements) != 2 || plan.Orders[0].Statements[0].In != order.Projection || strings.Contains(plan.Orders[0].Statements[0].SQL, "'FILLED'") {
		t.Errorf("planned %+v", plan)
	}
}

// TestWhatIsGoneIsNotPlanned, because the order may agree by now.
func TestWhatIsGoneIsNotPlanned(t *testing.T) {
	c := wrong()
	c.Projection[0].Values = c.Legacy[0].Values
	var plan repair.Plan
	planner(t).Add(&plan, c)
	if len(plan.Gone) != 1 || len(plan.Orders)+len(plan.Decide) > 0 {
		t.Errorf("planned %+v", plan)
	}
}

// TestWhatAnAuditFoundIsPlanned, where an append can mend it. The rest is for people.
func TestWhatAnAuditFoundIsPlanned(t *testing.T) {
	finding := func(part verify.AuditPart, kind, cause string) verify.AuditFinding {
		return verify.AuditFinding{Key: "7", Part: part, Kind: kind, Cause: cause, Detail: "no event says it"}
	}
	missing := finding(verify.EventsPart, string(history.MissingEvent), "lost_shadow_write")
	for name, is := range map[string]struct {
		spoil func(*repair.Case)
		found []verify.AuditFinding
		want  string // causes that are planned; decided; gone
	}{
		"missing events":           {func(*repair.Case) {}, []verify.AuditFinding{missing, missing}, "lost_shadow_write;;"},
		"an end that differs":      {func(*repair.Case) {}, []verify.AuditFinding{finding(verify.FoldPart, verify.EndDiffers, "")}, "end_differs;;"},
		"of a backfill":            {func(*repair.Case) {}, []verify.AuditFinding{finding(verify.EventsPart, string(history.MissingEvent), "backfill_limit")}, "backfill_limit;;"},
		"beside the divergence":    {func(c *repair.Case) { c.Open = lost().Open }, []verify.AuditFinding{missing}, "lost_shadow_write;;"},
		"what is there by now":     {func(c *repair.Case) { c.Events = wrong().Events }, []verify.AuditFinding{missing}, ";;event_missing"},
		"an end without a record":  {func(c *repair.Case) { c.Events = wrong().Events }, []verify.AuditFinding{finding(verify.FoldPart, verify.EndDiffers, "")}, ";end_differs;"},
		"legacy's own":             {func(*repair.Case) {}, []verify.AuditFinding{finding(verify.LegacyPart, "overfill", "")}, ";overfill;"},
		"what cannot be taken out": {func(*repair.Case) {}, []verify.AuditFinding{finding(verify.EventsPart, string(history.ExtraEvent), "backfill_twice"), missing}, "lost_shadow_write;event_extra (backfill_twice);"},
	} {
		c := lost()
		c.Open, c.Audit = nil, is.found
		is.spoil(&c)
		var plan repair.Plan
		planner(t).Add(&plan, c)
		var got [3]string
		for _, o := range plan.Orders {
			got[0] += string(o.Cause)
			if len(o.Statements) != 1 {
				t.Errorf("%s: planned %+v", name, o)
			}
		}
		for _, u := range plan.Decide {
			got[1] += u.Name()
			if u.Decide == "" || u.Why == "" {
				t.Errorf("%s: for people is %+v", name, u)
			}
		}
		for _, g := range plan.Gone {
			got[2] += g.Found
		}
		if got := strings.Join(got[:], ";"); got != is.want {
			t.Errorf("%s: got %s, want %s", name, got, is.want)
		}
	}
}
