package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

// listedAcceptances is how many accepted divergences are listed. All are counted.
const listedAcceptances = 500

// groupAnswer is what was accepted or withdrawn together.
type groupAnswer struct {
	Answer     string            `json:"answer"` // accepted, withdrawn
	DryRun     bool              `json:"dry_run,omitempty"`
	Groups     []ledger.Answered `json:"groups"`
	Acceptance *web.Acceptance   `json:"acceptance,omitempty"`
}

func (a *acceptCommand) answerGroup(ctx context.Context, l *ledger.Ledger, fingerprint string, by verify.Acceptance) (object any, text string, err error) {
	selected := ledger.Selection{Key: order.Key(a.OrderID), Hop: a.Hop, Kind: a.Kind, Cause: a.Cause, Field: a.Field}
	g := groupAnswer{Answer: "accepted", DryRun: a.DryRun, Acceptance: shownAcceptance(by)}
	if a.Withdraw {
		g.Answer, g.Acceptance = "withdrawn", nil
		g.Groups, err = l.WithdrawAll(ctx, fingerprint, selected, a.DryRun)
	} else {
		g.Groups, err = l.AcceptAll(ctx, fingerprint, selected, by, a.DryRun)
	}
	return g, g.text(), err
}

func shownAcceptance(by verify.Acceptance) *web.Acceptance {
	return &web.Acceptance{Who: by.Who, Why: by.Why, At: by.At.UTC(), Until: by.Until}
}

func (g groupAnswer) text() string {
	var what []string
	for _, a := range g.Groups {
		what = append(what, groupText(a))
	}
	said := "open again"
	if by := g.Acceptance; by != nil {
		said = fmt.Sprintf("accepted by %s until %s", by.Who, human.Instant(by.Until))
	}
	if g.DryRun {
		said = "dry run, nothing is changed; it would be " + said
	}
	said += ": " + strings.Join(what, "; ")
	if by := g.Acceptance; by != nil {
		said += fmt.Sprintf(": %s. Each is open again after that time, or as soon as it changes.", by.Why)
	}
	return said
}

// groupText says how many there are and of what.
func groupText(a ledger.Answered) string {
	said := human.Quantity(a.Count, "divergence", "divergences") + " " + a.Kind + " (" + string(a.Hop) + ")"
	if a.Part != "" {
		said = human.Quantity(a.Count, "finding", "findings") + " " + a.Kind + " (audit, " + string(a.Part) + ")"
	}
	if a.Cause != "" {
		said += " by " + a.Cause
	}
	return said + " of " + human.Quantity(a.Orders, "order", "orders")
}

// acceptedList is everything that is accepted now.
type acceptedList struct {
	Accepted    int64             `json:"accepted_divergences"`
	Divergences []web.Divergence  `json:"divergences"` // what ends first; not more than 500
	Findings    []acceptedFinding `json:"findings"`
}

type acceptedFinding struct {
	ledger.Answered
	Acceptance *web.Acceptance `json:"acceptance"`
}

func listAccepted(ctx context.Context, l *ledger.Ledger, fingerprint string, now time.Time) (object any, text string, err error) {
	list, err := readAccepted(ctx, l, fingerprint, now)
	return list, list.text(), err
}

func readAccepted(ctx context.Context, l *ledger.Ledger, fingerprint string, now time.Time) (acceptedList, error) {
	list := acceptedList{Divergences: []web.Divergence{}, Findings: []acceptedFinding{}}
	found, all, err := l.AcceptedDivergences(ctx, fingerprint, listedAcceptances)
	if err != nil {
		return list, err
	}
	findings, err := l.AcceptedFindings(ctx, fingerprint)
	if err != nil {
		return list, err
	}
	list.Accepted = all
	for _, d := range found {
		list.Divergences = append(list.Divergences, web.NewDivergence(d, now))
	}
	for _, f := range findings {
		list.Findings = append(list.Findings, acceptedFinding{f, shownAcceptance(*f.Acceptance)})
	}
	return list, nil
}

func (l acceptedList) text() string {
	var lines []string
	add := func(what string, by *web.Acceptance) {
		lines = append(lines, fmt.Sprintf("%s: by %s until %s: %s", what, by.Who, human.Instant(by.Until), by.Why))
	}
	for _, d := range l.Divergences {
		add(what(d), d.Acceptance)
	}
	if rest := l.Accepted - int64(len(l.Divergences)); rest > 0 {
		lines = append(lines, human.Quantity(rest, "more divergence is accepted", "more divergences are accepted"))
	}
	for _, f := range l.Findings {
		add(groupText(f.Answered), f.Acceptance)
	}
	if len(lines) == 0 {
		return "nothing is accepted"
	}
	return strings.Join(lines, "\n")
}
