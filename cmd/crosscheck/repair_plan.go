package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/repair"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// planning reads what a plan is made from.
type planning struct {
	config *config.Config
	sides  sides
	batch  string

	apart     bool
	databases map[order.Representation]string // their names
	past      *source.Past                    // legacy, with all fields that events have
	planner   repair.Planner
}

// plan plans for the orders of all divergences, and of all findings of audits.
func (w *planning) plan(ctx context.Context, open []verify.Divergence, found []verify.AuditFinding, p *program) (*repair.Plan, error) {
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	defer w.past.Close()
	of, audited := map[order.Key][]verify.Divergence{}, map[order.Key][]verify.AuditFinding{}
	var keys []order.Key
	for _, d := range open {
		if of[d.Mismatch.Key] == nil {
			keys = append(keys, d.Mismatch.Key)
		}
		of[d.Mismatch.Key] = append(of[d.Mismatch.Key], d)
	}
	for _, f := range found {
		if of[f.Key] == nil && audited[f.Key] == nil {
			keys = append(keys, f.Key)
		}
		audited[f.Key] = append(audited[f.Key], f)
	}
	cmp := comparison(w.config, w.sides, nil, p.log())
	plan := &repair.Plan{}
	for page := range slices.Chunk(keys, planPage) {
		readings, err := cmp.Read(ctx, page)
		if err != nil {
			return nil, err
		}
		cases, err := w.cases(ctx, page, readings)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			c.Open, c.Audit = of[c.Key], audited[c.Key]
			w.planner.Add(plan, c)
		}
	}
	plan.Sort()
	return plan, nil
}

// open looks up the tables, and opens legacy once more.
func (w *planning) open(ctx context.Context) error {
	c, s := w.config, w.sides
	store, err := s.events.Identity(ctx)
	if err != nil {
		return err
	}
	rows, err := s.projection.Identity(ctx)
	if err != nil {
		return err
	}
	w.apart = store.System != rows.System || store.Database != rows.Database
	w.databases = map[order.Representation]string{order.Events: databaseName(store), order.Projection: databaseName(rows)}
	layout, err := s.events.Layout(ctx, c.Backfill.Table)
	if err != nil {
		return err
	}
	kept, err := s.projection.Layout(ctx, c.RepairedTable())
	if err != nil {
		return fmt.Errorf("reading repair.projection: %w", err)
	}
	schema, err := w.openPast(ctx)
	if err != nil {
		return err
	}
	cmp := comparison(c, s, nil, nil)
	speaker, _ := history.NewSpeaker(c.Events.Fold, schema) // of rules that cannot all be turned round, those that can
	w.planner = repair.Planner{
		Fields: cmp.Fields, Rules: s.events.Rules(), Schema: schema, Speaker: speaker, Apart: w.apart, Batch: w.batch,
		Store: repair.Store{
			Table: layout, Read: c.Events.Table, Where: s.events.Condition(), Key: c.Events.Key, Position: c.Events.Position, Payload: c.Events.Payload,
			Strip: c.Events.Strip, Columns: c.Backfill.Columns, Zone: c.Events.Zone, Unit: c.Events.Unit, TimeElsewhere: c.Events.AtPath != nil, PerOrder: c.Events.PerOrder,
		},
		Rows: repair.Rows{Table: kept, Key: c.Projection.Key, Of: rowColumns(c, kept, s.events.Rules()), Setting: "repair.projection"},
	}
	return nil
}

// databaseName is the name without the oid before it.
func databaseName(i source.Identity) string {
	_, name, _ := strings.Cut(i.Database, " ")
	return name
}

// rowColumns are the fields and registers of the columns. A compared field is in the column that the configuration names;
// if that is an expression, its column is not known.
func rowColumns(c *config.Config, t repair.Table, rules *order.Rules) map[string]string {
	of, compared := map[string]string{}, map[string]bool{}
	for _, f := range c.Compare.Fields {
		compared[f.Name] = true
		if column := repair.Name(f.Projection); column != "" && rules.Judges(f.Field) {
			of[column] = f.Name
		}
	}
	for _, column := range t.Columns {
		if _, ok := of[column.Name]; !ok && !compared[column.Name] && slices.Contains(rules.Names(), column.Name) {
			of[column.Name] = column.Name
		}
	}
	maps.Copy(of, c.Repair.Columns)
	return of
}

// openPast opens legacy with all columns that events have something to say about.
func (w *planning) openPast(ctx context.Context) (history.Schema, error) {
	c, schema := w.config, history.Schema{Rules: w.sides.events.Rules()}
	past := source.PastConfig{
		Legacy: legacyConfig(c, nil), History: source.HistoryConfig{AuditLog: c.History.AuditLog, Trades: c.History.Trades}, CreatedAt: c.CreatedAt(),
	}
	for _, f := range past.Legacy.Fields {
		schema.Fields = append(schema.Fields, f.Name)
	}
	t, err := w.sides.legacy.Layout(ctx, c.Legacy.Table)
	if err != nil {
		return schema, err
	}
	for _, column := range t.Columns {
		expr := `t."` + strings.ReplaceAll(column.Name, `"`, `""`) + `"`
		if c.History.CreatedAt == "" && slices.Contains([]string{"created_at", schema.Rules.CreatedAt()}, column.Name) {
			past.CreatedAt = expr // and not what is compared, which may be coarser
		}
		if slices.Contains(schema.Rules.Names(), column.Name) && !slices.Contains(schema.Fields, column.Name) {
			schema.Fields = append(schema.Fields, column.Name)
			past.Legacy.Fields = append(past.Legacy.Fields, source.Field{Field: order.Field{Name: column.Name, Type: order.Text}, Expr: "(" + expr + ")::text"})
		}
	}
	w.past, err = source.OpenPast(ctx, past)
	return schema, err
}

// cases adds legacy's whole rows and the projector's rows to readings.
func (w *planning) cases(ctx context.Context, keys []order.Key, readings []compare.Reading) ([]repair.Case, error) {
	page, err := w.past.Orders(ctx, keys)
	if err != nil {
		return nil, err
	}
	past := map[order.Key]*history.Case{}
	for i := range page.Cases {
		past[page.Cases[i].Row.Key] = &page.Cases[i]
	}
	r := &w.planner.Rows
	var columns []string
	for _, c := range r.Columns {
		if _, ok := r.Of[c.Name]; ok {
			columns = append(columns, c.Name)
		}
	}
	stored := map[order.Key][]map[string]order.Value{}
	if r.Kind != "" {
		if stored, err = w.sides.projection.Stored(ctx, r.Name, r.Key, columns, keys); err != nil {
			return nil, err
		}
	}
	cases := make([]repair.Case, len(readings))
	for i, reading := range readings {
		cases[i] = repair.Case{Reading: reading, Stored: stored[reading.Key]}
		if now := past[reading.Key]; now != nil && len(reading.Legacy) == 1 && unchanged(reading.Legacy[0].Values, now.Row.Values) {
			cases[i].Past = now
		}
	}
	return cases, nil
}

// unchanged compares legacy's row with what a later look has of the same fields, and of others after them.
func unchanged(was, is []order.Value) bool {
	return len(is) >= len(was) && slices.Equal(was, is[:len(was)])
}
