package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Backfill says how missing events are written.
type Backfill struct {
	// Enabled lets crosscheck write to the event store, which nothing else does. Default false.
	Enabled bool
	// DSN is the connection string of a role that may write. Default that of events.
	DSN Secret
	// Table is the table that is written. Default that of events.
	Table string
	// Columns are the columns that are written, and what they get; see docs/backfill.md. Default those that events names.
	Columns map[string]string
	// Checkpoint is the table that says which ranges are done. Default "": crosscheck_backfill beside the table.
	Checkpoint string
	// Workers is how many ranges are written at the same time, 1 to 16. Default 2.
	Workers int
	// Orders is how many orders one range has, from 1 to 100,000. Default 2000.
	Orders int
	// SlotReserve is how many MiB of WAL must be left before a replication slot loses something. Default 512; 0 does not look.
	SlotReserve int64
	// Lock is the advisory lock under which the store's own writers append, so that positions become visible in order. Default 0, for
	// none.
	Lock int64
	// Publish says that triggers and publications may pass old events on. Default false.
	Publish bool
}

// readBackfill reads how events are written. What is left out comes from the event store.
func readBackfill(o *object, b *Backfill, e Events) {
	if o == nil && !e.Given() {
		return
	}
	*b = Backfill{DSN: e.DSN, Table: e.Table, Columns: map[string]string{}, Workers: 2, Orders: 2000, SlotReserve: 512}
	if o != nil {
		workers, orders := int64(b.Workers), int64(b.Orders)
		o.boolean("enabled", &b.Enabled)
		if o.values["dsn"] != nil {
			o.dsn(&b.DSN)
		} else {
			o.known["dsn"] = true
		}
		o.relation("table", &b.Table, o.text)
		o.text("checkpoint", &b.Checkpoint)
		o.whole("workers", &workers, 1, mostConnections)
		o.whole("orders", &orders, 1, 100_000)
		o.whole("slot_reserve", &b.SlotReserve, 0, 1<<30)
		o.whole("lock", &b.Lock, math.MinInt64, math.MaxInt64)
		o.boolean("publish", &b.Publish)
		b.Workers, b.Orders = int(workers), int(orders)
		o.columns(b.Columns)
		o.done()
	}
	b.usual(e)
}

// columns reads what each column gets.
func (o *object) columns(into map[string]string) {
	section := o.object("columns")
	if section == nil {
		return
	}
	for _, key := range section.keys {
		if s, ok := section.raw(section.child(key.Value), join(section.path, key.Value)); ok {
			into[key.Value] = s
		}
	}
}

// plainColumn is an SQL expression that is the name of a column, with or without quotes.
var plainColumn = regexp.MustCompile(`^(?:([A-Za-z_][A-Za-z0-9_]*)|"([^"]+)")$`)

// usual adds the columns that the event store is read from.
func (b *Backfill) usual(e Events) {
	for _, from := range [][2]string{{e.Key, e.Strip + "{key}"}, {e.Type, "{type}"}, {e.At, "{at}"}, {e.Payload, "{payload}"}} {
		if name, ok := columnName(from[0]); ok && b.Columns[name] == "" {
			b.Columns[name] = from[1]
		}
	}
	if name, ok := columnName(e.Position); ok && e.PerOrder && b.Columns[name] == "" {
		b.Columns[name] = "{number}"
	}
}

func columnName(expr string) (string, bool) {
	found := plainColumn.FindStringSubmatch(expr)
	switch {
	case found == nil:
		return "", false
	case found[2] != "":
		return found[2], true
	default:
		return strings.ToLower(found[1]), true
	}
}

// Schema says what legacy's rows hold, for reconstruction.
func (c *Config) Schema() (history.Schema, error) {
	rules, err := c.Rules()
	if err != nil {
		return history.Schema{}, err
	}
	s := history.Schema{Rules: rules}
	for _, f := range c.Compare.Fields {
		s.Fields, s.Compared = append(s.Fields, f.Name), append(s.Compared, f.Field)
	}
	return s, nil
}

// Speaker says what happened to orders in the words of the event store.
func (c *Config) Speaker() (*history.Speaker, error) {
	schema, err := c.Schema()
	if err != nil {
		return nil, err
	}
	return history.NewSpeaker(c.Events.Fold, schema)
}

// CreatedAt is legacy's time of the creation of an order, in SQL; empty if it is not known.
func (c *Config) CreatedAt() string {
	if c.History.CreatedAt != "" {
		return c.History.CreatedAt
	}
	i := slices.IndexFunc(c.Compare.Fields, func(f Field) bool { return f.Name == "created_at" && f.Type == order.Timestamptz })
	if i < 0 {
		return ""
	}
	return c.Compare.Fields[i].Legacy
}

// checkBackfill finds what would keep events from being written, if they are to be.
func (c *Config) checkBackfill(o *object) {
	if o == nil || !c.Backfill.Enabled || o.mistaken("events", "compare", "backfill") {
		return
	}
	node := target(o.values["enabled"])
	wrong := func(n *yaml.Node, path, message, hint string) { o.at(n, path, message, hint) }
	e := c.Events
	if !e.Given() {
		wrong(node, "backfill.enabled", "needs the section events", "")
		return
	}
	if e.AtPath != nil {
		wrong(node, "backfill.enabled", "cannot write a store whose events have their time in the payload", "events.at must be a column")
	}
	if strings.HasPrefix(strings.TrimSpace(c.Backfill.Table), "(") {
		wrong(node, "backfill.enabled", "needs the name of the table that is written, because events.table is a query", "set backfill.table")
	}
	for _, part := range [][2]string{{"key", e.Key}, {"type", e.Type}, {"at", e.At}, {"payload", e.Payload}} {
		has := slices.ContainsFunc(values(c.Backfill.Columns), func(s string) bool { return strings.Contains(s, "{"+part[0]+"}") })
		if !has && (part[0] != "at" || e.AtPath == nil) {
			wrong(node, "backfill.columns", fmt.Sprintf("no column gets the event's %s, because events.%s is an expression", part[0], part[0]),
				fmt.Sprintf("name its column, such as columns: {COLUMN: '{%s}'}", part[0]))
		}
	}
	_, err := c.Speaker()
	for _, cause := range joined(err) {
		at, path := node, "backfill.enabled"
		if name, _, ok := strings.Cut(strings.TrimPrefix(cause.Error(), "events.fold."), ":"); ok && strings.HasPrefix(cause.Error(), "events.fold.") {
			path = "events.fold." + name
			if spot, here := o.fold.nodes[way{"events", name}.String()]; here {
				at = spot.key
			}
		}
		wrong(at, path, strings.TrimPrefix(cause.Error(), path+": "), "backfill.enabled needs rules that say how events look; docs/backfill.md says which do")
	}
}

func values(m map[string]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// joined are the errors that were joined into one.
func joined(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // of [errors.Join] itself
		return many.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
