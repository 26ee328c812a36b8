package repair

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Header is what a file says of itself.
type Header struct {
	At       time.Time
	Batch    string
	Database string // to which the file belongs; for people
	View     string // what shows the rows and must be refreshed; empty if nothing must
	Events   string // the table of the store, if something is appended
}

// Script writes the statements for some databases, one transaction for each order. It says how many orders it wrote.
func (p *Plan) Script(w io.Writer, h Header, in ...order.Representation) (orders int, err error) {
	var b strings.Builder
	for is, about := range map[order.Representation]*string{order.Events: &h.Events, order.Projection: &h.View} {
		if !slices.Contains(in, is) || !slices.ContainsFunc(p.Orders, func(o Order) bool {
			return slices.ContainsFunc(o.Statements, func(s Statement) bool { return s.In == is })
		}) {
			*about = ""
		}
	}
	h.write(&b)
	cause := compare.Cause("none")
	for _, o := range p.Orders {
		statements := slices.DeleteFunc(slices.Clone(o.Statements), func(s Statement) bool { return !slices.Contains(in, s.In) })
		if len(statements) == 0 {
			continue
		}
		if o.Cause != cause {
			cause = o.Cause
			fmt.Fprintf(&b, "\n-- ===== %s: %s\n", line(string(cause)), meaning(cause))
		}
		orders++
		transaction(&b, o.Key, statements)
	}
	p.rest(&b)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return 0, fmt.Errorf("writing the plan: %w", err)
	}
	return orders, nil
}

func (h Header) write(b *strings.Builder) {
	comment(b, "A plan of crosscheck for people, made at "+human.Instant(h.At)+". Review it; nothing applies it by itself.")
	comment(b, "Database: "+h.Database+". Apply it with: psql -f FILE")
	comment(b, "Each order is one transaction. A statement raises an error, and so changes nothing, if the state is not the one that was seen.")
	comment(b, "A second application changes nothing, and says so.")
	if h.Events != "" {
		comment(b, "Events are appended to "+h.Events+" with batch "+h.Batch+" in their payload. The projector and the publisher handle them as others.")
	}
	if h.View != "" {
		comment(b, "Afterwards refresh what shows the rows: "+h.View)
	}
	comment(b, "Then run crosscheck verify: it is the proof.")
	b.WriteString("SET client_encoding = 'UTF8';\nSET client_min_messages = 'notice';\n")
}

func transaction(b *strings.Builder, key order.Key, statements []Statement) {
	b.WriteString("\n")
	comment(b, "order "+line(string(key)))
	for _, s := range statements {
		comment(b, fmt.Sprintf("%s, %s: %s", s.Hop, s.Cause, s.What))
		for _, e := range s.Evidence {
			comment(b, "  "+e)
		}
	}
	b.WriteString("BEGIN ISOLATION LEVEL READ COMMITTED;\nSET LOCAL lock_timeout = '5s';\nSET LOCAL statement_timeout = '1min';\nSET LOCAL TimeZone = 'UTC';\n")
	b.WriteString(alone(key) + ";\n")
	for _, s := range statements {
		b.WriteString(s.SQL + ";\n")
	}
	b.WriteString("COMMIT;\n")
}

// rest lists what has no statement.
func (p *Plan) rest(b *strings.Builder) {
	if len(p.Decide) > 0 {
		b.WriteString("\n")
		comment(b, "===== Not planned: what a person must decide")
	}
	for _, u := range p.Decide {
		comment(b, fmt.Sprintf("order %s, %s, %s: %s.", line(string(u.Key)), u.Hop, u.Name(), u.Why))
		comment(b, "  Decide: "+u.Decide)
	}
	if len(p.Gone) > 0 {
		b.WriteString("\n")
		comment(b, "===== Open in the ledger, and not seen any more; the next pass resolves them")
	}
	for _, g := range p.Gone {
		comment(b, fmt.Sprintf("order %s, %s", line(string(g.Key)), g.Hop))
	}
}

func comment(b *strings.Builder, text string) { b.WriteString("-- " + line(text) + "\n") }

func meaning(c compare.Cause) string {
	for _, info := range compare.Causes() {
		if info.Cause == c {
			return info.Meaning
		}
	}
	if slices.Contains(history.Causes(), history.Cause(c)) {
		return "see docs/causes/" + string(c) + ".md"
	}
	return "no cause is known"
}
