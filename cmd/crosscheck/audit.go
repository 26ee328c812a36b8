package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

type auditCommand struct {
	From     moment `help:"Audit only orders that were created at this time or later: a date, or a time such as 2026-05-01T09:30:00Z." placeholder:"TIME"`
	To       moment `help:"Audit only orders that were created before this time." placeholder:"TIME"`
	JSON     bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	Findings string `help:"Write each finding as a line of JSON into this file." placeholder:"FILE.jsonl" type:"path"`
	AnyHour  bool   `help:"Do not wait for throttle.hours; the other limits of throttle hold."`
	Resume   bool   `help:"Go on with the last audit, whose process ended: orders that it has audited are not read again."`
}

// moment is a date, which is its first moment in UTC, or a time.
type moment struct{ time.Time }

// UnmarshalText reads a flag.
func (m *moment) UnmarshalText(text []byte) (err error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if m.Time, err = time.Parse(layout, string(text)); err == nil {
			m.Time = m.UTC()
			return nil
		}
	}
	return fmt.Errorf("%q is neither a date such as 2026-05-01 nor a time such as 2026-05-01T09:30:00Z", text)
}

// Validate is called when the command line was parsed.
func (a *auditCommand) Validate() error {
	switch whole := a.From.IsZero() && a.To.IsZero(); {
	case a.Resume && !whole:
		return errors.New("--resume goes on with the orders that the audit began with: leave out --from and --to")
	case !a.From.IsZero() && !a.To.IsZero() && !a.From.Before(a.To.Time):
		return errors.New("--from must be before --to")
	}
	return nil
}

func (a *auditCommand) run(ctx context.Context, p *program) (int, error) {
	debug.SetGCPercent(pagesAlive)
	return oneOff{
		program: p, kind: verify.Audit, json: a.JSON, resume: a.Resume, anyHour: a.AnyHour, show: a.show,
		pass: func(ctx context.Context, c *verify.Comparison, _ *config.Config, l lease.Lease, s verify.Start) (verify.Pass, error) {
			return c.Audit(ctx, l, s, verify.Span{From: a.From.Time, Until: a.To.Time})
		},
	}.run(ctx)
}

// show writes the report, and the findings where they are asked for.
func (a *auditCommand) show(ctx context.Context, o oneOff, l *ledger.Ledger, pass verify.Pass) error {
	r := newAuditReport(pass)
	if a.Findings != "" {
		written, err := writeFindings(ctx, l, pass.ID, a.Findings)
		if err != nil {
			return err
		}
		r.Written, r.File = written, a.Findings
	}
	if a.JSON {
		return writeObject(o.stdout, r)
	}
	if r.Examples == nil {
		r.Examples = map[string][]auditLine{}
	}
	err := l.PassAudit(ctx, pass.ID, func(f verify.AuditFinding) error { r.example(f); return nil })
	if err != nil {
		printError(o.logs(), err.Error(), hintFor(err)) // only the examples are missing
	}
	return r.writeText(o.stdout, o.columns())
}

// auditLine is a finding as others read it.
type auditLine struct {
	OrderID   string     `json:"order_id"`
	Part      string     `json:"part"`
	Kind      string     `json:"kind"`
	Cause     string     `json:"cause,omitempty"`
	At        *time.Time `json:"at,omitempty"`
	Position  *int64     `json:"position,omitempty"`
	Detail    string     `json:"detail"`
	FirstSeen time.Time  `json:"first_seen"`
	LastSeen  time.Time  `json:"last_seen"`
	State     string     `json:"state"`
}

func newAuditLine(f verify.AuditFinding) auditLine {
	l := auditLine{
		OrderID: string(f.Key), Part: string(f.Part), Kind: f.Kind, Cause: f.Cause, Detail: f.Detail, FirstSeen: f.FirstSeen, LastSeen: f.LastSeen,
		State: string(f.State), Position: (*int64)(knownPosition(f)),
	}
	if !f.At.IsZero() {
		l.At = &f.At
	}
	return l
}

// writeFindings writes a line for each finding of a pass.
func writeFindings(ctx context.Context, l *ledger.Ledger, id verify.PassID, name string) (written int64, err error) {
	file, err := os.Create(name)
	if err != nil {
		return 0, fmt.Errorf("writing the findings: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	b := bufio.NewWriter(file)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	err = l.PassAudit(ctx, id, func(f verify.AuditFinding) error { written++; return e.Encode(newAuditLine(f)) })
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return written, fmt.Errorf("writing the findings to %s: %w", name, err)
	}
	return written, nil
}

// errNoHistory is returned if the configuration lacks what an audit compares.
var errNoHistory = errors.New("an audit compares legacy's own record with the events, and needs the sections history and events")

// openAudits opens what audits read beside the sides.
func (s *sides) openAudits(ctx context.Context, c *config.Config, observe observer) (err error) {
	if s.events == nil || !c.History.Given() {
		return withHint(errNoHistory, "name audit log and trades in history, and the event store in events; see docs/audit.md")
	}
	s.audits, err = source.OpenAudits(ctx, legacyConfig(c, observe), historyConfig(c), s.events.Rules())
	if errors.Is(err, source.ErrNotAudited) {
		err = withHint(err, "name the column that tells when an order was created in history.created_at; crosscheck doctor tells what an audit needs")
	}
	return err
}

func historyConfig(c *config.Config) source.HistoryConfig {
	h := c.History
	return source.HistoryConfig{AuditLog: h.AuditLog, Trades: h.Trades, Actor: h.Actor, CreatedAt: cmp.Or(c.CreatedAt(), "created_at")}
}

// auditing connects what audits need; nil if it was not opened. Rules that cannot be turned round only leave out what no event of
// the store can say.
func (s sides) auditing(c *config.Config, l *ledger.Ledger) *verify.Audits {
	if s.audits == nil {
		return nil
	}
	schema := history.Schema{Fields: s.audits.Fields(), Rules: s.events.Rules(), Actors: s.audits.Actors()}
	for _, f := range c.Compare.Fields {
		schema.Compared = append(schema.Compared, f.Field)
	}
	speaker, _ := history.NewSpeaker(c.Events.Fold, schema)
	a := &history.Auditor{Schema: schema, Speaker: speaker}
	for _, f := range judgedFields(c) {
		a.Judged = append(a.Judged, f.Name)
	}
	zoneless := s.audits.Zoneless()
	zoneless.Events = s.events.Zoneless()
	return &verify.Audits{Source: s.audits, Auditor: a, Ledger: l, Zoneless: zoneless}
}
