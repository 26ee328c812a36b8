package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/eventlog"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/lease"
)

const leftOrders = 20 // that are named in text

// writeText writes the report for people.
func (r backfillReport) writeText(w io.Writer) error {
	var b strings.Builder
	written := "written"
	if r.DryRun {
		written = "would be written"
	}
	fmt.Fprintf(&b, "backfill of orders created %s: %s looked at", r.Run[:strings.LastIndex(r.Run, " ")], human.Quantity(r.Orders+r.Resumed+r.Others.Orders, "order", "orders"))
	if r.Resumed > 0 {
		fmt.Fprintf(&b, " (%s of them before)", human.Number(r.Resumed))
	}
	if r.Others.Orders > 0 {
		fmt.Fprintf(&b, " (%s of them by other processes, which wrote %s)", human.Number(r.Others.Orders), human.Quantity(r.Others.Events, "event", "events"))
	}
	if r.Holder != "" {
		fmt.Fprintf(&b, " for %s", r.Holder)
	}
	fmt.Fprintf(&b, ", %s %s, %s were there", human.Quantity(r.Events, "event", "events"), written, human.Number(r.Present))
	if r.Seconds >= 1 {
		fmt.Fprintf(&b, ", in %s", human.Duration(time.Duration(r.Seconds*float64(time.Second))))
	}
	b.WriteString("\n")
	for _, e := range history.Evidences() {
		if n := r.Evidence[e]; n > 0 {
			fmt.Fprintf(&b, "  %-13s %s\n", e, human.Number(n))
		}
	}
	if r.Unseen {
		b.WriteString("a role may not know how old the transactions of legacy or of the event store are (pg_read_all_stats), so the event of a long one may be there twice\n")
	}
	if r.Archived > 0 {
		fmt.Fprintf(&b, "%s passed over, because their events were archived\n", human.Quantity(r.Archived, "order was", "orders were"))
	}
	for _, why := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(&b, "left as they are: %s (%s)\n", human.Quantity(r.Left[why], "order", "orders"), why)
	}
	for i, l := range r.Examples {
		if i == leftOrders {
			fmt.Fprintf(&b, "  and others; --json names up to 1,000\n")
			break
		}
		fmt.Fprintf(&b, "  order %s: %s: %s\n", printable(string(l.Key)), l.Why, printable(l.Detail))
	}
	if r.DryRun {
		r.sample(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sample shows some events as they would be written.
func (r backfillReport) sample(b *strings.Builder) {
	for _, e := range r.Samples {
		fmt.Fprintf(b, "  order %s at %s: %s %s\n", printable(string(e.Key)), e.Deed.At.UTC().Format(time.RFC3339Nano), printable(e.Type), printable(string(e.Payload)))
	}
}

// backfillHint says what to do about an error of a backfill; empty if nothing is known.
func backfillHint(err error) string {
	var refused *backfill.RefusedError
	switch {
	case errors.As(err, &refused):
		return "nothing of this range was stored; when the order or the store is repaired, the same command goes on from here"
	case errors.Is(err, backfill.ErrTaken), errors.Is(err, lease.ErrHeld):
		return "let the other process end; the same command then goes on from there"
	case errors.Is(err, eventlog.ErrPublished):
		return "set backfill.publish: true if old events may be passed on, or disable the trigger or the publication meanwhile"
	case errors.Is(err, eventlog.ErrTable):
		return "docs/backfill.md says what backfill.table and backfill.columns are"
	case errors.Is(err, eventlog.ErrNotes):
		return "let the owner of the table run the statement, or drop the table if no backfill is to be resumed"
	case errors.Is(err, history.ErrCannotTurn):
		return "docs/backfill.md says which fold rules can be turned round"
	}
	return ""
}
