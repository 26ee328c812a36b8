package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

// divergencesCommand lists what the ledger knows under the present configuration.
type divergencesCommand struct {
	State   string    `enum:"open,accepted,resolved,all" default:"open" help:"open, accepted, resolved or all."`
	Hop     order.Hop `help:"Those at a hop, such as events->projection." placeholder:"HOP"`
	Kind    string    `help:"Those of a kind, such as missing." placeholder:"KIND"`
	Cause   string    `help:"Those of a cause; none for those without." placeholder:"CAUSE"`
	Field   string    `help:"Those in which a field differs." placeholder:"FIELD"`
	Order   string    `help:"Those of an order." placeholder:"ORDER_ID"`
	GroupBy string    `enum:",cause,hop,kind,field" default:"" help:"Count them by cause, hop, kind or field instead." placeholder:"WHAT"`
	Limit   int       `help:"How many to list: of open and accepted ones the oldest, otherwise the newest. Default: 500 as text, otherwise all." placeholder:"N"`
	URL     string    `name:"url" placeholder:"URL" help:"Ask the sidecar at this address instead of the ledger. No configuration is needed."`
	JSON    bool      `name:"json" xor:"form" help:"Print one JSON object a line."`
	CSV     bool      `name:"csv" xor:"form" help:"Print comma-separated values, one line for each field that differs."`
}

const (
	listedInText   = 500
	divergencePage = 1000
)

// Validate is called when the command line was parsed.
func (d *divergencesCommand) Validate() error {
	if d.Hop != "" && !slices.Contains(order.Hops(), d.Hop) {
		return fmt.Errorf("--hop: %q is none of %v", d.Hop, order.Hops())
	}
	if d.Limit < 0 {
		return errors.New("--limit: must not be negative")
	}
	return nil
}

func (d *divergencesCommand) filter() board.Filter {
	f := board.Filter{Key: order.Key(d.Order), Hop: d.Hop, Kind: d.Kind, Cause: d.Cause, Field: d.Field}
	if d.State != "all" {
		f.State = verify.DivergenceState(d.State)
	}
	return f
}

func (d *divergencesCommand) run(ctx context.Context, p *program) (int, error) {
	from, done, err := d.open(ctx, p)
	if err != nil {
		return 0, err
	}
	defer done()
	if d.GroupBy != "" {
		err = d.count(ctx, p, from)
	} else {
		err = d.list(ctx, p, from)
	}
	if d.URL != "" {
		err = withURLHint(err)
	}
	return exitAgrees, err
}

func (d *divergencesCommand) list(ctx context.Context, p *program, from divergenceSource) error {
	show, end := d.form(p)
	left := d.Limit
	if left == 0 {
		left = math.MaxInt
		if !d.JSON && !d.CSV {
			left = listedInText
		}
	}
	for cursor := ""; ; {
		page, err := from.Divergences(ctx, d.filter(), cursor, min(left, divergencePage))
		if err != nil {
			return err
		}
		for _, one := range page.Divergences {
			if err := show(one); err != nil {
				return err
			}
		}
		left -= len(page.Divergences)
		if cursor = page.Next; cursor == "" || left <= 0 {
			return end(cursor != "")
		}
	}
}

// form is how divergences are written: each, and at the end, which says whether there may be more.
func (d *divergencesCommand) form(p *program) (show func(web.Divergence) error, end func(more bool) error) {
	switch {
	case d.JSON:
		return func(one web.Divergence) error { return writeObject(p.stdout, one) }, func(bool) error { return nil }
	case d.CSV:
		w := csv.NewWriter(p.stdout)
		_ = w.Write([]string{"order_id", "state", "kind", "hop", "cause", "first_seen", "field", "legacy", "events", "projection", "accepted_by", "accepted_until", "accepted_why"})
		return func(one web.Divergence) error { return w.WriteAll(csvRows(one)) }, func(bool) error { w.Flush(); return w.Error() }
	}
	var found []web.Divergence
	return func(one web.Divergence) error { found = append(found, one); return nil },
		func(more bool) error { return d.text(p, found, more) }
}

// csvRows has a line for each field. NULL and what is not known are empty.
func csvRows(d web.Divergence) (rows [][]string) {
	lead := []string{d.OrderID, d.State, d.Kind, string(d.Hop), d.Cause, d.FirstSeen.Format(time.RFC3339)}
	trail := []string{"", "", ""}
	if a := d.Acceptance; a != nil {
		trail = []string{a.Who, a.Until.Format(time.RFC3339), a.Why}
	}
	fields := d.Fields
	if len(fields) == 0 {
		fields = []web.Field{{}}
	}
	for _, f := range fields {
		values := []string{f.Name, "", "", ""}
		if v := f.Values; v != nil {
			events, _ := v.Events.(*string)
			values = []string{f.Name, deref(v.Legacy), deref(events), deref(v.Projection)}
		}
		rows = append(rows, slices.Concat(lead, values, trail))
	}
	return rows
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (d *divergencesCommand) text(p *program, found []web.Divergence, more bool) error {
	var b strings.Builder
	said := human.Quantity(int64(len(found)), "divergence", "divergences")
	if d.State != "all" {
		said = human.Quantity(int64(len(found)), d.State+" divergence", d.State+" divergences")
	}
	if more {
		said = "the first " + said + "; --limit lists more, --group-by counts"
	}
	b.WriteString(said + "\n")
	if len(found) > 0 {
		b.WriteString("\n")
		newDivergenceTable(found, d.State == "all").write(&b, p.columns())
	}
	return p.say(printable(b.String()))
}
