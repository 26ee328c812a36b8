package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

// acceptCommand lets somebody accept divergences and findings of audits that cannot be repaired, such as a message on the topic.
type acceptCommand struct {
	OrderID  string    `arg:"" optional:"" help:"The order, as verify, gate and the report name it. Its divergence; if it has none, its findings of audits."`
	Hop      order.Hop `help:"The hop; needed if the order has divergences at several hops. Without an order, all divergences at the hop." placeholder:"HOP"`
	Field    string    `help:"All divergences in which this field alone differs; with an order, only its own." placeholder:"FIELD"`
	Kind     string    `help:"All findings of audits of a kind; with an order, only its own." placeholder:"KIND"`
	Cause    string    `help:"All divergences and findings of audits of a cause; with an order, only its own." placeholder:"CAUSE"`
	Why      string    `help:"Why it may stay." placeholder:"TEXT"`
	Until    string    `help:"Until when: a time, or a date (the beginning of that day in UTC). Then it is open again." placeholder:"TIME"`
	As       string    `help:"Who accepts it. Default: the user at this machine." placeholder:"WHO"`
	Withdraw bool      `help:"Take the acceptance back; what was accepted is open again."`
	DryRun   bool      `help:"Without an order, or with --field, --kind or --cause: say what would be accepted, and accept nothing."`
	List     bool      `help:"List what is accepted, by whom, until when and why."`
	JSON     bool      `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

var (
	errWithdrawAlone = errors.New("--withdraw takes neither --why nor --until")
	errWhyAndUntil   = errors.New("accept needs --why and --until, or --withdraw")
	errUntil         = errors.New("--until is not a time in the future")
	errWhat          = errors.New("accept needs an order, --hop, --field, --kind, --cause or --list")
	errListAlone     = errors.New("--list takes no other flag than --json")
	errDryGroup      = errors.New("--dry-run is for groups: it needs --hop without an order, --field, --kind or --cause")
	errHopAndKind    = errors.New("--hop and --field are of divergences, and --kind is of findings of audits")
)

// misused is what is wrong with the arguments; nil if nothing is.
func (a *acceptCommand) misused() error {
	switch {
	case a.List && (a.OrderID+string(a.Hop)+a.Field+a.Kind+a.Cause+a.Why+a.Until+a.As != "" || a.Withdraw || a.DryRun):
		return errListAlone
	case !a.List && a.OrderID+string(a.Hop)+a.Field+a.Kind+a.Cause == "":
		return withHint(errWhat, "crosscheck divergences and crosscheck audit name orders, hops, fields, kinds and causes")
	case a.DryRun && !a.group():
		return errDryGroup
	case (a.Hop != "" || a.Field != "") && a.Kind != "":
		return errHopAndKind
	}
	return nil
}

// group is true if more than one divergence or finding may be selected.
func (a *acceptCommand) group() bool {
	return a.Field+a.Kind+a.Cause != "" || a.OrderID == "" && a.Hop != ""
}

func (a *acceptCommand) run(ctx context.Context, p *program) (int, error) {
	if err := a.misused(); err != nil {
		return exitError, err
	}
	now := time.Now()
	until, err := a.until(now)
	if err != nil {
		return exitError, err
	}
	c, err := p.load()
	if err != nil {
		return exitError, err
	}
	by := verify.Acceptance{Who: a.As, Why: a.Why, At: now, Until: until}
	if by.Who == "" {
		by.Who = asker()
	}
	if c, err = p.remaining(ctx, c); err != nil {
		return 0, explainAccept(err)
	}
	object, text, err := a.answer(ctx, p, c, by)
	if err != nil {
		return 0, explainAccept(err)
	}
	if a.JSON {
		return exitAgrees, writeObject(p.stdout, object)
	}
	_, err = io.WriteString(p.stdout, printable(text)+"\n")
	return exitAgrees, err
}

// until returns zero if nothing is accepted.
func (a *acceptCommand) until(now time.Time) (time.Time, error) {
	switch {
	case a.Withdraw && (a.Why != "" || a.Until != ""):
		return time.Time{}, errWithdrawAlone
	case a.Withdraw, a.List:
		return time.Time{}, nil
	case strings.TrimSpace(a.Why) == "" || a.Until == "":
		return time.Time{}, withHint(errWhyAndUntil, "give a reason and an end; nothing is accepted for ever")
	}
	return future(a.Until, now)
}

// future reads the value of --until.
func future(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.After(now) {
			return t.UTC(), nil
		}
	}
	return time.Time{}, withHint(fmt.Errorf("%w: %q", errUntil, text), "such as 2999-12-01T08:00:00Z or 2999-12-01")
}

// answer writes it into the ledger, under the current fingerprint: what is under another one is no evidence any more. It returns
// what has become of it, as an object and as text.
func (a *acceptCommand) answer(ctx context.Context, p *program, c *config.Config, by verify.Acceptance) (object any, text string, err error) {
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return nil, "", err
	}
	defer s.close()
	if key, err := orderKey(s.legacy.KeyType(), a.OrderID); err == nil { // others are not found
		a.OrderID = string(key)
	}
	fingerprint, err := s.fingerprint(ctx, c)
	if err != nil {
		return nil, "", err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return nil, "", fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	switch {
	case a.List:
		return listAccepted(ctx, l, fingerprint, by.At)
	case a.group():
		return a.answerGroup(ctx, l, fingerprint, by)
	}
	d, err := a.answerOne(ctx, l, fingerprint, by)
	if errors.Is(err, ledger.ErrNotOpen) && a.Hop == "" {
		if object, text, findings := a.answerGroup(ctx, l, fingerprint, by); !errors.Is(findings, ledger.ErrNothingSelected) {
			return object, text, findings
		}
	}
	if err != nil {
		return nil, "", err
	}
	r := web.NewDivergence(d, by.At)
	return r, acceptText(r), nil
}

func (a *acceptCommand) answerOne(ctx context.Context, l *ledger.Ledger, fingerprint string, by verify.Acceptance) (verify.Divergence, error) {
	if a.Withdraw {
		return l.Withdraw(ctx, fingerprint, order.Key(a.OrderID), a.Hop)
	}
	return l.Accept(ctx, fingerprint, order.Key(a.OrderID), a.Hop, by)
}

func explainAccept(err error) error {
	switch {
	case errors.Is(err, ledger.ErrNotOpen):
		return withHint(err, "crosscheck divergences --state all lists what is known under the present configuration")
	case errors.Is(err, ledger.ErrAcceptedBy):
		return withHint(err, "withdraw it first with --withdraw, then accept it")
	case errors.Is(err, ledger.ErrNothingSelected):
		return withHint(err, "nothing of that kind or cause is open under the present configuration, or nothing is accepted that could be withdrawn; see crosscheck accept --list")
	case errors.Is(err, ledger.ErrSeveralHops):
		return withHint(err, "choose one with --hop")
	}
	return err
}

// acceptText is the divergence as it is now.
func acceptText(d web.Divergence) string {
	by := d.Acceptance
	if by == nil {
		return "open again: " + what(d)
	}
	return fmt.Sprintf("accepted by %s until %s: %s: %s. It is open again after that time, or as soon as it changes.",
		by.Who, human.Instant(by.Until), what(d), by.Why)
}

// what says which divergence it is.
func what(d web.Divergence) string {
	said := fmt.Sprintf("order %s, %s (%s)", d.OrderID, d.Kind, d.Hop)
	if d.Cause != "" {
		said += " by " + d.Cause
	}
	return said
}
