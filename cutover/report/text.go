package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover/clients"
)

// Text is the report for a terminal.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n%s\n", r.Run, r.Outcome, r.Summary)
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "! %s\n", w)
	}
	b.WriteString("\n")
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "%s  %-26s %-10s %8.2f s %6s %10s  %s\n", s.Began.UTC().Format("15:04:05.000"), s.Action, s.Outcome, s.Seconds, s.share(), s.forecast(), s.Detail)
	}
	for _, seen := range r.Clients {
		for _, of := range Kinds(seen) {
			fmt.Fprintf(&b, "\n%s by the clients' way: %s", of.What, of.Said)
		}
	}
	if len(r.Clients) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nExecuted by %s; %s.\n", orUnknown(r.People.ExecutedBy), r.People.approved())
	return b.String()
}

func (s Step) share() string {
	if s.Share < 0.0005 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", s.Share*100)
}

func (s Step) forecast() string {
	if s.Forecast == nil {
		return ""
	}
	return fmt.Sprintf("(%.2f s)", *s.Forecast)
}

func orUnknown(s string) string {
	if s == "" {
		return "nobody on record"
	}
	return s
}

func (p People) approved() string {
	if p.ApprovedBy == "" {
		return "nobody has approved it"
	}
	text := fmt.Sprintf("approved by %s (%s)", p.ApprovedBy, p.Ticket)
	if p.ApprovedUntil != "" {
		text += " until " + p.ApprovedUntil
	}
	return text
}

// Kind is how questions of one kind were answered, in words.
type Kind struct {
	What string // Writes or Reads
	Said string
	*clients.Service
}

// Kinds are those that were asked.
func Kinds(seen clients.Seen) (all []Kind) {
	for _, k := range []Kind{{What: "Writes", Service: seen.Writes}, {What: "Reads", Service: seen.Reads}} {
		if k.Service == nil {
			continue
		}
		k.Said = fmt.Sprintf("no answer for at most %s, from %s", took(k.Outage), clock(k.OutageBegan))
		if k.Again != nil {
			k.Said += fmt.Sprintf(" to the first success at %s", clock(*k.Again))
		} else {
			k.Said += " to the end"
		}
		k.Said += fmt.Sprintf("; %d asked, %d failed", k.Asked, k.Failed)
		for _, t := range k.Turns {
			side := "legacy"
			if t.Side == clients.New {
				side = "the new side"
			}
			k.Said += fmt.Sprintf("; %s from %s", side, clock(t.Since))
		}
		all = append(all, k)
	}
	return all
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
