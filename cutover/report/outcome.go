package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/clients"
	"github.com/nordvarg/crosscheck/cutover/run"
)

// This file says in words what became of a run.

// outcome sums the run up.
func (r *Report) outcome(s run.Status, from Source) {
	switch state := s.State; {
	case state.Phase == cutover.Completed && s.TailFailed():
		r.Outcome = Findings
		r.Summary = fmt.Sprintf("Reads and writes are at the new side, and legacy was written behind the fence: %s", sentence(s.Tail.Detail))
	case state.Phase == cutover.Completed:
		r.Outcome = Completed
		r.Summary = fmt.Sprintf("Reads and writes are at the new side. Writers were kept out for %s.", r.Window.text())
	case state.Phase == cutover.RolledBack && r.Window == nil:
		r.Outcome = Refused
		r.Summary = "Nobody was kept out, and nothing was switched: " + sentence(turned(from))
	case state.Phase == cutover.RolledBack && r.Kind == "rehearsal" && run.Reached(from.Records, run.Until(r.Positions)):
		r.Outcome = Rehearsed
		r.Summary = fmt.Sprintf("All was done up to %s, and legacy was opened again. Writers were kept out for %s.", run.Until(r.Positions), r.Window.text())
	case state.Phase == cutover.RolledBack && r.Kind == "rehearsal":
		r.Outcome = RolledBack
		r.Summary = fmt.Sprintf("The rehearsal was to do all up to %s, and stopped earlier: %s Reads and writes are at legacy again. Writers were kept out for %s.", run.Until(r.Positions), sentence(turned(from)), r.Window.text())
	case state.Phase == cutover.RolledBack:
		r.Outcome = RolledBack
		r.Summary = fmt.Sprintf("Reads and writes are at legacy again. %s Writers were kept out for %s.", sentence(turned(from)), r.Window.text())
	case from.Driven:
		r.Outcome = Running
		r.Summary = fmt.Sprintf("It has not ended; next is %s.", s.Action)
	case state.Stranded():
		r.Outcome = Stranded
		r.Summary = fmt.Sprintf("NO SIDE MAY TAKE WRITES until somebody finishes it; next is %s. crosscheck cutover resume does that.", s.Action)
	default:
		r.Outcome = Abandoned
		r.Summary = fmt.Sprintf("No process drives it; next is %s. crosscheck cutover resume finishes it, or rolls it back.", s.Action)
	}
}

// turned says why a run went back, the last time that it did.
func turned(from Source) (why string) {
	state := cutover.Start(from.Records[0].Action.Slice)
	for _, rec := range from.Records {
		if rec.Outcome == "" || rec.Seq != state.Seq {
			continue
		}
		next, _ := cutover.Next(state, cutover.Observation{Seq: rec.Seq, Outcome: rec.Outcome})
		ahead := state.Phase == cutover.Forward || state.Phase == cutover.Completed
		if back := next.Phase == cutover.Back || next.Phase == cutover.RolledBack; ahead && back {
			why = because(rec, from.Requests)
		}
		state = next
	}
	return why
}

func because(rec cutover.Record, requests []Request) string {
	switch rec.Outcome {
	case cutover.NoTime:
		return fmt.Sprintf("%s did not fit into the budget any more", rec.Action)
	case cutover.Abort, cutover.Reverse:
		for _, q := range slices.Backward(requests) {
			if !q.At.After(rec.At) && q.Asks == string(rec.Outcome) {
				return fmt.Sprintf("%s asked for the way back before %s", q.Who, rec.Action)
			}
		}
		return fmt.Sprintf("it was stopped before %s", rec.Action)
	case cutover.FenceLost:
		return fmt.Sprintf("the fence was lost at %s: %s", rec.Action, rec.Detail)
	default:
		return fmt.Sprintf("%s failed: %s", rec.Action, rec.Detail)
	}
}

func sentence(text string) string {
	text = strings.TrimRight(text, ". \n")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// warn says what must not be overlooked.
func (r *Report) warn(from Source) {
	warn := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }
	if p := r.People; p.Override != "" {
		warn("OVERRIDDEN by %s, without a decision GO and an approval: %s", p.ExecutedBy, p.Override)
	}
	if r.Outcome == Findings {
		warn("The tail check found: %s", cutover.TailChecked(from.Records).Detail)
	}
	if r.Window != nil && r.Window.Seconds > r.Window.Budget {
		warn("Writers were kept out for longer than the budget: %s of %s.", took(r.Window.Seconds), took(r.Window.Budget))
	}
	if taken := r.count(cutover.Takeover); taken > 0 {
		warn("The process that drove it was replaced: %d times another one took over.", taken)
	}
	if lost := r.count(cutover.Unknown); lost > 0 {
		warn("%d times it was not known what became of an action. It was evicted and repeated.", lost)
	}
	if begun := r.Positions["cutover"]; begun != "" && from.System.Digest != "" && begun != from.System.Digest {
		warn("The section cutover of the configuration has changed since. Databases and tables are those of the configuration now.")
	}
	for i, seen := range r.Clients {
		for _, gap := range seen.NotAsked {
			warn("Nobody asked by the clients' way from %s to %s, for %s, because the process that did was gone. Clients may have had no answer for all of it.", clock(gap.From), clock(gap.To), took(gap.To.Sub(gap.From).Seconds()))
		}
		if asking := from.Driven && i == len(r.Clients)-1; !seen.Complete && !asking {
			warn("What clients saw is known until %s only: the asking ended before they could go on.", clock(seen.Until))
		}
		for _, k := range Kinds(seen) {
			if k.Again == nil && k.Outage > lastLook(seen) {
				warn("%s by the clients' way were not answered again while they were asked, for %s.", k.What, took(k.Outage))
			}
		}
	}
}

// lastLook is how long a service may be silent at the end without having failed: its last answer may be as old as that.
func lastLook(seen clients.Seen) float64 { return 2*seen.Every + 1 }

func (r *Report) count(o cutover.Outcome) (n int) {
	for _, s := range r.Steps {
		if s.Outcome == o {
			n++
		}
	}
	return n
}
