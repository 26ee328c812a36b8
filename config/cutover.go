package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Cutover says how the system is cut over.
type Cutover struct {
	// Name is that of the run: 1 to 32 of a-z, 0-9, - and _. Required.
	Name string
	// Budget is how long writers may be kept out. Default 5m.
	Budget time.Duration
	// RollbackReserve is the part of the budget that is kept for the way back. Default 2m.
	RollbackReserve time.Duration
	// Fence says what keeps writers out of legacy. Required.
	Fence Fence
	// Sliced says to which slice a row of the new side belongs; optional.
	Sliced Sliced
	// Reads and Writes switch the two; both are required.
	Reads, Writes Switch
	// Pool holds clients while the two are switched; optional, and of the kind pgbouncer.
	Pool Switch
	// Barrier sends a nonce by the user's own shadow path, and asks whether it has arrived; optional, with do and check.
	Barrier Switch
	// Standbys are those of the new side that clients read: the barrier waits until they have replayed it. Optional.
	Standbys []Secret
	// Probe asks by the clients' way which side answers; each is optional, and has only a check.
	Probe struct {
		Reads, Writes Switch
		// Every is the time between two questions of a kind while clients may feel a run; 0 is not at all. Default 200ms.
		Every time.Duration
	}
	// Reverse is a feed that brings writes of the new side to legacy; optional.
	Reverse Reverse

	// Sequences are those of the new side that must give numbers that legacy has not given; see docs/switches.md.
	Sequences []Sequence

	// Written is the section as it stands in the file, with what its aliases name.
	Written string
}

// Sequence is a sequence or identity column of the new side, and the column of legacy whose numbers it must not give again.
type Sequence struct {
	// DSN is of the new side. Default projection.dsn.
	DSN Secret
	// Sequence is its name; or Table and Column are what it fills.
	Sequence, Table, Column string
	// LegacyTable and LegacyColumn are in legacy. Default legacy.table and legacy.key.
	LegacyTable, LegacyColumn string
}

// Name is how the sequence is told to people.
func (s Sequence) Name() string {
	if s.Sequence != "" {
		return s.Sequence
	}
	return s.Table + "." + s.Column
}

// Digest names the section as it is written: an approval is of it. Variables are not replaced, so it holds no secret of the environment.
func (c Cutover) Digest() string {
	sum := sha256.Sum256([]byte(c.Written))
	return hex.EncodeToString(sum[:8])
}

// Given reports whether the section is there.
func (c Cutover) Given() bool { return c.Name != "" }

// Fence says what is fenced in legacy; see docs/fence.md.
type Fence struct {
	// DSN is of a role that owns the tables. It leads to the server itself, and not through a pooler. Required.
	DSN Secret
	// Tables are fenced, with their partitions. Default legacy.table, if it names one.
	Tables []string
	// Mode is error or wait. Default error.
	Mode string
	// Slice is the column by whose values slices may be cut over. Default "", none.
	Slice string
}

// Switch is one switch action, of one kind; see docs/switches.md.
type Switch struct {
	// Kind is sql, http, exec or pgbouncer; "" if there is no such switch.
	Kind string
	// Timeout is that of each step and check; of pgbouncer, of each instance. Default 30s, and 5s of each instance.
	Timeout time.Duration

	SQL       SwitchSQL
	HTTP      SwitchHTTP
	Exec      SwitchExec
	PgBouncer SwitchPgBouncer
}

// SwitchSQL switches by statements.
type SwitchSQL struct {
	DSN             Secret
	Do, Undo, Check string
}

// SwitchHTTP switches by requests.
type SwitchHTTP struct {
	Do, Undo, Check SwitchRequest
	// On and Off are texts of which the answer to the check has one.
	On, Off string
}

// SwitchRequest is one request. Its parts may hold secrets.
type SwitchRequest struct {
	Method    string
	URL, Body Secret
	Headers   map[string]Secret
}

// SwitchExec switches by programs with their arguments.
type SwitchExec struct {
	Do, Undo, Check []string
}

// SwitchPgBouncer holds the clients of poolers.
type SwitchPgBouncer struct {
	Instances []Secret
	Database  string
}

var cutoverName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// readCutover reads the optional section.
func readCutover(o *object, c *Config) {
	if o == nil {
		return
	}
	t := &c.Cutover
	*t = Cutover{Budget: 5 * time.Minute, RollbackReserve: 2 * time.Minute}
	t.Written = asWritten(o.node)
	o.require("name", "such as name: orders-2026")
	if s, text, ok := o.filledScalar("name"); ok {
		if t.Name = text; !cutoverName.MatchString(text) {
			o.wrong(s, "must be 1 to 32 of a-z, 0-9, - and _, found "+s.shown(), "")
		}
	}
	o.duration("budget", &t.Budget, time.Second)
	o.duration("rollback_reserve", &t.RollbackReserve, time.Second)
	if t.RollbackReserve >= t.Budget {
		o.at(o.node, join(o.path, "rollback_reserve"), fmt.Sprintf("rollback_reserve (%v) must be below budget (%v)", t.RollbackReserve, t.Budget), "")
	}
	o.require("fence", "what keeps writers out of legacy, such as fence: {dsn: \"${FENCE_DSN}\"}")
	readFence(o.object("fence"), &t.Fence, c.Legacy.Table)
	readSliced(o.object("slice"), t)
	o.require("switch", "how reads and writes are switched; see docs/switches.md")
	if s := o.object("switch"); s != nil {
		defer s.remember()()
		for name, into := range map[string]*Switch{"reads": &t.Reads, "writes": &t.Writes} {
			s.require(name, "a switch of the kind sql, http or exec")
			readSwitch(s.object(name), into, switchKinds, switchParts)
		}
		readSwitch(s.object("pool"), &t.Pool, []string{"pgbouncer"}, switchParts)
		s.done()
	}
	if b := o.object("barrier"); b != nil {
		defer b.remember()()
		readSwitch(b, &t.Barrier, switchKinds, []string{"do", "check"})
	}
	t.Standbys = o.dsnList("standbys")
	if p := o.object("probe"); p != nil {
		defer p.remember()()
		readSwitch(p.object("reads"), &t.Probe.Reads, switchKinds, []string{"check"})
		readSwitch(p.object("writes"), &t.Probe.Writes, switchKinds, []string{"check"})
		t.Probe.Every = 200 * time.Millisecond
		p.duration("every", &t.Probe.Every, 0)
		if every := t.Probe.Every; every > 0 && every < 10*time.Millisecond {
			p.at(target(p.values["every"]), join(p.path, "every"), "must be 10ms or more, or 0s for not at all", "")
		}
		p.done()
	}
	readReverse(o.object("reverse"), t)
	o.list("sequences", func(n *yaml.Node, path string) {
		if s := o.mapping(n, path); s != nil {
			t.Sequences = append(t.Sequences, readSequence(s, c))
		}
	})
	o.done()
}

// readSequence reads one sequence of the new side.
func readSequence(o *object, c *Config) Sequence {
	s := Sequence{DSN: c.Projection.DSN, LegacyTable: c.Legacy.Table, LegacyColumn: c.Legacy.Key}
	if o.values["dsn"] != nil {
		o.dsn(&s.DSN)
	} else {
		o.child("dsn") // known, even if it is absent
	}
	switch {
	case o.values["sequence"] == nil:
		o.require("table", "with column: what the sequence fills; or name the sequence, such as sequence: public.orders_id_seq")
		o.require("column", "with table: what the sequence fills; or name the sequence, such as sequence: public.orders_id_seq")
	case o.values["table"] != nil || o.values["column"] != nil:
		o.at(o.node, o.path, "names the sequence, and what it fills", "remove one of them")
	}
	o.text("sequence", &s.Sequence)
	o.text("table", &s.Table)
	o.text("column", &s.Column)
	if legacy := o.object("legacy"); legacy != nil {
		legacy.text("table", &s.LegacyTable)
		legacy.text("column", &s.LegacyColumn)
		legacy.done()
	}
	o.done()
	return s
}

// remember keeps the values of all variables that are read until the returned function is called: each may be a secret, wherever a program or
// a server quotes it.
func (r *reader) remember() (stop func()) {
	getenv := r.getenv
	r.getenv = func(name string) (string, bool) {
		value, ok := getenv(name)
		r.expanded = append(r.expanded, value, url.QueryEscape(value), url.PathEscape(value))
		return value, ok
	}
	return func() { r.getenv = getenv }
}

func readFence(o *object, f *Fence, legacy string) {
	if o == nil {
		return
	}
	f.Mode = "error"
	o.dsn(&f.DSN)
	o.oneOf("mode", &f.Mode, []string{"error", "wait"})
	o.text("slice", &f.Slice)
	if strings.Contains(f.Slice, "=") {
		o.at(target(o.values["slice"]), join(o.path, "slice"), "must be a column without = in its name: a slice is written as COLUMN=VALUE", "")
	}
	if o.values["tables"] == nil && strings.HasPrefix(strings.TrimSpace(legacy), "(") {
		o.require("tables", "the tables that are written, because legacy.table is a query")
	}
	f.Tables = o.expandedTexts("tables")
	if f.Tables == nil {
		f.Tables = []string{legacy}
	}
	o.done()
}

// expandedTexts reads a list of texts; nil if it is absent.
func (o *object) expandedTexts(key string) (all []string) {
	o.list(key, func(n *yaml.Node, path string) {
		if s, ok := o.value(n, path); ok {
			if text, ok := o.filled(s); ok {
				all = append(all, text)
			}
		}
	})
	return all
}

var (
	switchKinds = []string{"sql", "http", "exec"}
	switchParts = []string{"do", "undo", "check"}
)

// readSwitch reads one switch or probe, which has one kind. All parts are required.
func readSwitch(o *object, s *Switch, kinds, parts []string) {
	if o == nil {
		return
	}
	s.Timeout = 30 * time.Second
	if slices.Contains(kinds, "pgbouncer") {
		s.Timeout = 5 * time.Second
	}
	o.duration("timeout", &s.Timeout, time.Millisecond)
	readers := map[string]func(*object, []string){"sql": s.SQL.read, "http": s.HTTP.read, "exec": s.Exec.read, "pgbouncer": s.PgBouncer.read}
	for _, kind := range kinds {
		of := o.object(kind)
		switch {
		case of == nil:
		case s.Kind != "":
			o.at(of.node, of.path, "a switch has one kind, and this one is "+s.Kind, "remove one of them")
		default:
			s.Kind = kind
			readers[kind](of, parts)
			of.done()
		}
	}
	if s.Kind == "" && !slices.ContainsFunc(kinds, func(kind string) bool { return o.values[kind] != nil }) {
		o.at(o.node, o.path, "has no kind", "one of "+strings.Join(kinds, ", "))
	}
	o.done()
}

// parts requires the parts of a switch or probe, and returns where each is read into.
func parts[T any](o *object, names []string, do, undo, check *T) map[string]*T {
	all := map[string]*T{}
	for i, into := range []*T{do, undo, check} {
		if name := switchParts[i]; slices.Contains(names, name) {
			o.require(name, "a switch has do, undo and check, a barrier do and check, and a probe check; see docs/switches.md")
			all[name] = into
		}
	}
	return all
}

func (s *SwitchSQL) read(o *object, names []string) {
	o.dsn(&s.DSN)
	for name, into := range parts(o, names, &s.Do, &s.Undo, &s.Check) {
		o.sql(name, into)
	}
}

func (s *SwitchExec) read(o *object, names []string) {
	for name, into := range parts(o, names, &s.Do, &s.Undo, &s.Check) {
		*into = o.expandedTexts(name)
	}
}

func (s *SwitchHTTP) read(o *object, names []string) {
	for name, into := range parts(o, names, &s.Do, &s.Undo, &s.Check) {
		r := o.object(name)
		if r == nil {
			continue
		}
		into.read(r)
		if name == "check" {
			r.require("on", "a text that only the answer of the new system has")
			r.require("off", "a text that only the answer of legacy has")
			r.text("on", &s.On)
			r.text("off", &s.Off)
		}
		r.done()
	}
}

func (q *SwitchRequest) read(o *object) {
	o.require("url", "such as url: \"http://localhost:9000/mode\"")
	o.secret("url", &q.URL)
	if u, err := url.Parse(q.URL.Reveal()); !q.URL.Empty() && (err != nil || !strings.HasPrefix(u.Scheme, "http") || u.Host == "") {
		o.at(target(o.values["url"]), join(o.path, "url"), "must be a URL of http or https", "")
	}
	o.secret("body", &q.Body)
	o.oneOf("method", &q.Method, []string{"GET", "POST", "PUT", "PATCH", "DELETE"})
	headers := o.object("headers")
	if headers == nil {
		return
	}
	q.Headers = map[string]Secret{}
	for _, key := range headers.keys {
		var value Secret
		headers.secret(key.Value, &value)
		q.Headers[key.Value] = value
	}
}

func (s *SwitchPgBouncer) read(o *object, _ []string) {
	o.require("instances", "the consoles of all instances, such as instances: [\"postgres://admin@pool1:6432/pgbouncer\"]")
	o.require("database", "the database's name in PgBouncer")
	o.text("database", &s.Database)
	s.Instances = o.dsnList("instances")
}

// secrets are what must not be shown of the switches and the fence.
func (c Cutover) secrets() (found []string) {
	found = secretsOf(c.Fence.DSN.Reveal())
	for _, s := range c.Sequences {
		found = append(found, secretsOf(s.DSN.Reveal())...)
	}
	for _, standby := range c.Standbys {
		found = append(found, secretsOf(standby.Reveal())...)
	}
	for _, s := range []Switch{c.Reads, c.Writes, c.Pool, c.Barrier, c.Probe.Reads, c.Probe.Writes, c.Reverse.Check} {
		found = append(found, secretsOf(s.SQL.DSN.Reveal())...)
		for _, instance := range s.PgBouncer.Instances {
			found = append(found, secretsOf(instance.Reveal())...)
		}
		for _, r := range []SwitchRequest{s.HTTP.Do, s.HTTP.Undo, s.HTTP.Check} {
			found = append(found, r.URL.Reveal(), r.Body.Reveal())
			for _, header := range r.Headers {
				found = append(found, header.Reveal(), strings.TrimPrefix(header.Reveal(), "Bearer "))
			}
		}
	}
	return found
}
