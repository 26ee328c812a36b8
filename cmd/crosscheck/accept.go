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

// acceptCommand lets somebody accept a divergence that cannot be repaired, such as a message on the topic.
type acceptCommand struct {
	OrderID  string    `arg:"" help:"The order, as verify, gate and the report name it."`
	Hop      order.Hop `help:"The hop; needed if the order has divergences at several hops." placeholder:"HOP"`
	Why      string    `help:"Why the divergence may stay." placeholder:"TEXT"`
	Until    string    `help:"Until when: a time, or a date (the beginning of that day in UTC). Then it is open again." placeholder:"TIME"`
	As       string    `help:"Who accepts it. Default: the user at this machine." placeholder:"WHO"`
	Withdraw bool      `help:"Take the acceptance back; the divergence is open again."`
	JSON     bool      `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

var (
	errWithdrawAlone = errors.New("--withdraw takes neither --why nor --until")
	errWhyAndUntil   = errors.New("accept needs --why and --until, or --withdraw")
	errUntil         = errors.New("--until is not a time in the future")
)

func (a *acceptCommand) run(ctx context.Context, p *program) (int, error) {
	now := time.Now()
	until, err := a.until(now)
	if err != nil {
		return exitError, err
	}
	c, err := p.load()
	if err != nil {
		return exitError, err
	}
	d, err := a.answer(ctx, p, c, verify.Acceptance{Who: a.As, Why: a.Why, At: now, Until: until})
	if err != nil {
		return 0, explainAccept(err)
	}
	r := web.NewDivergence(d, now)
	if a.JSON {
		return exitAgrees, writeObject(p.stdout, r)
	}
	_, err = io.WriteString(p.stdout, printable(acceptText(r))+"\n")
	return exitAgrees, err
}

// until returns zero if the acceptance is withdrawn.
func (a *acceptCommand) until(now time.Time) (time.Time, error) {
	switch {
	case a.Withdraw && (a.Why != "" || a.Until != ""):
		return time.Time{}, errWithdrawAlone
	case a.Withdraw:
		return time.Time{}, nil
	case strings.TrimSpace(a.Why) == "" || a.Until == "":
		return time.Time{}, withHint(errWhyAndUntil, "give a reason and an end; nothing is accepted for ever")
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, a.Until); err == nil && t.After(now) {
			return t.UTC(), nil
		}
	}
	return time.Time{}, withHint(fmt.Errorf("%w: %q", errUntil, a.Until), "such as 2999-12-01T08:00:00Z or 2999-12-01")
}

// answer writes it into the ledger, under the current fingerprint. A divergence under another fingerprint is no
// evidence any more.
func (a *acceptCommand) answer(ctx context.Context, p *program, c *config.Config, by verify.Acceptance) (verify.Divergence, error) {
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return verify.Divergence{}, err
	}
	defer s.close()
	fingerprint, err := s.fingerprint(ctx, c)
	if err != nil {
		return verify.Divergence{}, err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return verify.Divergence{}, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	if a.Withdraw {
		return l.Withdraw(ctx, fingerprint, order.Key(a.OrderID), a.Hop)
	}
	if by.Who == "" {
		by.Who = asker()
	}
	return l.Accept(ctx, fingerprint, order.Key(a.OrderID), a.Hop, by)
}

func explainAccept(err error) error {
	switch {
	case errors.Is(err, ledger.ErrNotOpen):
		return withHint(err, "crosscheck gate --report FILE.html lists what is open and accepted under the present configuration")
	case errors.Is(err, ledger.ErrAcceptedBy):
		return withHint(err, "withdraw it first with --withdraw, then accept it")
	case errors.Is(err, ledger.ErrSeveralHops):
		return withHint(err, "choose one with --hop")
	}
	return err
}

// acceptText is the divergence as it is now.
func acceptText(d web.Divergence) string {
	what := fmt.Sprintf("order %s, %s (%s)", d.OrderID, d.Kind, d.Hop)
	if d.Cause != "" {
		what += " by " + d.Cause
	}
	by := d.Acceptance
	if by == nil {
		return "open again: " + what
	}
	return fmt.Sprintf("accepted by %s until %s: %s: %s. It is open again after that time, or as soon as it changes.",
		by.Who, human.Instant(by.Until), what, by.Why)
}
