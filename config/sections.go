package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// readConfig reads all sections into a configuration that holds the defaults.
func readConfig(o *object, c *Config) {
	if o == nil {
		return
	}
	for _, required := range []string{"legacy", "projection", "ledger", "compare"} {
		o.require(required, "the section is needed; see the config.yaml in the repository")
	}
	readSide(o.object("legacy"), &c.Legacy)
	readSide(o.object("projection"), &c.Projection)
	readLedger(o.object("ledger"), &c.Ledger)
	readCompare(o.object("compare"), &c.Compare)
	readSampler(o.object("sampler"), &c.Sampler)
	readVerify(o.object("verify"), &c.Verify)
	readThrottle(o.object("throttle"), &c.Throttle)
	if decision := o.object("gate"); decision != nil {
		readGate(decision, &c.Gate)
		c.gateWritten = asWritten(decision.node)
	}
	o.label("name", &c.Name)
	o.label("environment", &c.Environment)
	readWeb(o.object("web"), &c.Web)
	if pages := o.object("docs"); pages != nil {
		readURL(pages, "url", &c.Docs.URL)
		pages.done()
	}
	c.Alerts = readAlerts(o.object("alerts"))
	c.Events = readEventStore(o.object("events"))
	c.Stream = readStream(o.object("stream"), c.Events)
	if c.Stream.Given() && o.values["events"] == nil {
		o.at(target(o.values["stream"]), "stream", "needs the section events, because messages are matched with stored events", "")
	}
	c.checkFold(o.object("events"))
	c.warnOfSlices(o)
	c.History = readHistory(o.object("history"))
	c.warnOfAudits(o)
	backfill := o.object("backfill")
	readBackfill(backfill, &c.Backfill, c.Events)
	c.checkBackfill(backfill)
	if !c.Sampler.Audit.Off() && (!c.Events.Given() || !c.History.Given()) {
		sampler := o.object("sampler")
		sampler.at(target(sampler.values["audit"]), "sampler.audit", "needs the sections events and history, because an audit compares them", "")
	}
	readRepair(o.object("repair"), c)
	readCutover(o.object("cutover"), c)
	readMode(o, c)
	c.warnOfSequences(o)
	readReads(o.object("reads"), c)
	c.warnOfReads(o)
	c.Gate.Criteria.ShadowWriteCompleteness.Changes = c.Events.Given() && c.History.Given()
	o.done()
}

// readMode reads on which side of the cutover the system is.
func readMode(o *object, c *Config) {
	mode := "pre_cutover"
	o.oneOf("mode", &mode, []string{"pre_cutover", "post_cutover"})
	if c.PostCutover = mode == "post_cutover"; c.PostCutover && o.values["cutover"] == nil {
		o.at(target(o.values["mode"]), "mode", "needs the section cutover, whose journal says how legacy was left", "")
	}
}

func readSide(o *object, s *Side) {
	if o == nil {
		return
	}
	o.dsn(&s.DSN)
	o.relation("table", &s.Table, o.text)
	o.condition("where", &s.Where)
	o.relation("key", &s.Key, o.text)
	o.relation("changed_at", &s.ChangedAt, o.optionalText)
	o.done()
}

func readLedger(o *object, l *Ledger) {
	if o == nil {
		return
	}
	o.dsn(&l.DSN)
	o.text("schema", &l.Schema)
	o.done()
}

func readCompare(o *object, c *Compare) {
	if o == nil {
		return
	}
	o.require("fields", "at least one field, such as - {name: status, type: text}")
	names := map[string]int{} // name → line of its first field
	o.list("fields", func(n *yaml.Node, path string) {
		f, ok := o.readField(n, path, names)
		if ok {
			c.Fields = append(c.Fields, f)
		}
	})
	readSettle(o.object("settle"), &c.Settle)
	readGroupBy(o, c)
	o.done()
}

var fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// readField reads one compared field; names are the fields before it.
func (r *reader) readField(n *yaml.Node, path string, names map[string]int) (Field, bool) {
	o := r.mapping(n, path)
	if o == nil {
		return Field{}, false
	}
	var f Field
	o.require("name", "")
	types := fieldTypes()
	o.require("type", "one of "+strings.Join(types, ", "))
	o.text("name", &f.Name)
	o.oneOf("type", (*string)(&f.Type), types)
	o.decimal("tolerance", &f.Tolerance)
	o.sql("legacy", &f.Legacy)
	o.sql("projection", &f.Projection)
	o.done()
	if f.Tolerance != nil && f.Type != "" && f.Type != order.Numeric && f.Type != order.Integer {
		o.at(target(o.values["tolerance"]), join(path, "tolerance"), "is only for numeric and integer fields, and this field is "+string(f.Type), "")
	}
	if f.Name == "" {
		return f, false
	}
	name := target(o.values["name"])
	if !fieldName.MatchString(f.Name) {
		o.at(name, join(path, "name"), "must be letters, digits and underscores, found "+strconv.Quote(name.Value),
			`give the column as legacy: and projection: expressions, such as legacy: '"Filled Qty"'`)
		return f, false
	}
	if first, twice := names[f.Name]; twice {
		o.at(name, join(path, "name"), fmt.Sprintf("field %q appears twice; first on line %d", f.Name, first), "remove one of them")
		return f, false
	}
	names[f.Name] = name.Line
	// Quoted, because a column called user or order means something else, or nothing, without quotes.
	column := `"` + f.Name + `"`
	if f.Legacy == "" {
		f.Legacy = column
	}
	if f.Projection == "" {
		f.Projection = column
	}
	return f, true
}

func fieldTypes() []string {
	var types []string
	for _, t := range order.FieldTypes() {
		types = append(types, string(t))
	}
	return types
}

func readSettle(o *object, s *compare.Settle) {
	if o == nil {
		return
	}
	o.duration("window", &s.Window, 0)
	rechecks := int64(s.Rechecks)
	o.whole("rechecks", &rechecks, 1, 1000)
	s.Rechecks = int(rechecks)
	o.duration("max_lag", &s.MaxLag, 0)
	if s.MaxLag < s.Window {
		at, key := o.node, "max_lag"
		for _, k := range []string{"window", "max_lag"} {
			if o.values[k] != nil {
				at, key = target(o.values[k]), k
			}
		}
		o.at(at, join(o.path, key), fmt.Sprintf("max_lag (%v) must not be below window (%v)", s.MaxLag, s.Window), "")
	}
	o.done()
}

// readGroupBy reads the grouping field. The default is the status, if that is compared.
func readGroupBy(o *object, c *Compare) {
	mapped := func(name string) bool {
		return slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Name == name })
	}
	if mapped("status") {
		c.GroupBy = "status"
	}
	o.optionalText("group_by", &c.GroupBy)
	if c.GroupBy != "" && !mapped(c.GroupBy) && o.values["group_by"] != nil {
		n := target(o.values["group_by"])
		o.at(n, join(o.path, "group_by"), fmt.Sprintf("%q is not one of compare.fields", n.Value), "")
	}
}

func readSampler(o *object, s *Sampler) {
	if o == nil {
		return
	}
	const mostOrders = 10_000_000
	o.schedule("schedule", &s.Schedule)
	size := int64(s.Size)
	o.whole("size", &size, 1, mostOrders)
	s.Size = int(size)
	o.schedule("full", &s.Full)
	o.interval("delta", &s.Delta)
	o.schedule("audit", &s.Audit)
	o.done()
}
