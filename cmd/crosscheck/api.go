package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

// explainMore is how long explaining an order may take beyond the settle window that it may have to wait for.
const explainMore = 30 * time.Second

// api connects what the API reads and changes.
func (s *sidecar) api(p *program) web.API {
	a := web.API{
		Listed: s.ledger, Logged: s.ledger, Journal: s.ledger, Findings: s.ledger.AuditFindings,
		Key: s.orderKey, Explain: s.explain, Look: s.look, ExplainFor: s.config.Compare.Settle.Window + explainMore,
		Accept: s.accept, Withdraw: s.withdraw, Recheck: s.recheckOrder,
		Accepted: s.accepted, DecisionReport: s.decisionReport,
	}
	if s.config.Cutover.Given() {
		a.Cutover, a.Runs, a.Approve = s.config.Cutover.Name, s.journals, s.approve
		a.Report, a.Plan = s.report, func(ctx context.Context) (web.CutoverPlan, error) { return s.plan(ctx, p) }
		a.Held = s.held
	}
	return a
}

// formKey is the key that all sidecars with this ledger share, so that one takes the forms of another.
func formKey(l *ledger.Ledger) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		fresh := make([]byte, 32)
		_, _ = rand.Read(fresh) // it never fails
		return l.Secret(ctx, "forms", fresh)
	}
}

// webRoles are the roles of users.
func webRoles(c *config.Config) map[string]web.Role {
	roles := map[string]web.Role{}
	for user, role := range c.Web.Roles {
		roles[user] = web.Role(role)
	}
	return roles
}

func (s *sidecar) accepted(ctx context.Context, fingerprint string) (web.Accepted, error) {
	list, err := readAccepted(ctx, s.ledger, fingerprint, time.Now())
	out := web.Accepted{Count: list.Accepted, Divergences: list.Divergences, Findings: []web.AcceptedFinding{}}
	for _, f := range list.Findings {
		out.Findings = append(out.Findings, web.AcceptedFinding{Answered: shownAnswered(f.Answered), Acceptance: *f.Acceptance})
	}
	return out, err
}

// journals are those of the cutover, without secrets that a server may have quoted.
func (s *sidecar) journals(ctx context.Context) ([][]cutover.Record, error) {
	journals, err := s.ledger.Runs(ctx)
	for i, records := range journals {
		journals[i] = maskedRecords(s.config, records, false)
	}
	return journals, err
}

func (s *sidecar) explain(ctx context.Context, given string, steps bool) (explain.Report, error) {
	if steps && !s.config.Events.Given() {
		return explain.Report{}, web.Refuse(http.StatusBadRequest, errNoEvents)
	}
	return s.explainedBy(ctx, given, func(x *explain.Explainer) { x.Step, x.Fold = steps, s.config.Events.Fold })
}

func (s *sidecar) look(ctx context.Context, given string) (explain.Report, error) {
	return s.explainedBy(ctx, given, func(x *explain.Explainer) { x.Once = true })
}

func (s *sidecar) explainedBy(ctx context.Context, given string, with func(*explain.Explainer)) (explain.Report, error) {
	key, err := s.orderKey(ctx, given)
	if err != nil {
		return explain.Report{}, err
	}
	moved, err := movedOrder(ctx, s.sliced.whole, s.ledger, key)
	if err != nil { // it is looked at as any other
		s.log.WarnContext(ctx, "asking whether an order is at the new side", slog.String("error", s.config.Mask(err.Error())))
	}
	c, opened, err := s.config, sides{}, error(nil)
	if moved != nil && moved.Slice != "" { // which the sidecar leaves out
		c = s.sliced.whole
		opened, err = openSides(ctx, c, nil)
		defer func() { opened.close() }()
	} else {
		opened, err = s.open(ctx)
	}
	if err != nil {
		return explain.Report{}, err
	}
	var unreadable error // the topic
	x := explainer(c, opened, s.log, &unreadable)
	with(x)
	x.Moved = moved
	report, err := x.Explain(ctx, key)
	switch {
	case errors.Is(err, explain.ErrNoSuchOrder):
		return report, web.Refuse(http.StatusNotFound, err)
	case err == nil:
		err = unreadable
	}
	return report, err
}

// accept accepts what is selected, one order after the other.
func (s *sidecar) accept(ctx context.Context, of web.Selection, by verify.Acceptance) (web.Answer, error) {
	out := web.Answer{Answer: "accepted", DryRun: of.DryRun, Acceptance: shownAcceptance(by)}
	return s.answer(ctx, out, of, func(fingerprint string, chosen ledger.Selection) ([]ledger.Answered, error) {
		if of.Count != nil {
			return s.ledger.AcceptListed(ctx, listedBy(fingerprint, of), *of.Count, by, of.DryRun)
		}
		return s.ledger.AcceptAll(ctx, fingerprint, chosen, by, of.DryRun)
	})
}

func (s *sidecar) withdraw(ctx context.Context, of web.Selection) (web.Answer, error) {
	return s.answer(ctx, web.Answer{Answer: "withdrawn", DryRun: of.DryRun}, of, func(fingerprint string, chosen ledger.Selection) ([]ledger.Answered, error) {
		if of.Count != nil {
			return s.ledger.WithdrawListed(ctx, listedBy(fingerprint, of), *of.Count, of.DryRun)
		}
		return s.ledger.WithdrawAll(ctx, fingerprint, chosen, of.DryRun)
	})
}

// listedBy is the filter of the list that somebody has seen.
func listedBy(fingerprint string, of web.Selection) board.Filter {
	return board.Filter{Fingerprint: fingerprint, Hop: of.Hop, Kind: of.Kind, Cause: of.Cause, Field: of.Field}
}

var errNothingToAnswer = errors.New("nothing of the selection is open, or nothing is accepted that could be withdrawn")

func (s *sidecar) answer(ctx context.Context, out web.Answer, of web.Selection, give func(string, ledger.Selection) ([]ledger.Answered, error)) (web.Answer, error) {
	out.Groups, out.NotFound = []web.Answered{}, []string{}
	fingerprint, err := s.fingerprint(ctx)
	if err != nil {
		return out, err
	}
	orders := of.Orders
	if len(orders) == 0 {
		orders = []string{""}
	}
	for _, given := range orders {
		key, err := s.storedKey(ctx, given)
		if err != nil {
			return out, err
		}
		groups, err := give(fingerprint, ledger.Selection{Key: key, Hop: of.Hop, Kind: of.Kind, Cause: of.Cause, Field: of.Field, Divergences: of.Divergences})
		switch {
		case errors.Is(err, ledger.ErrNothingSelected):
			out.NotFound = append(out.NotFound, given)
		case errors.Is(err, ledger.ErrOtherNumber):
			return out, web.Refuse(http.StatusConflict, err)
		case err != nil:
			return out, err
		}
		for _, g := range groups {
			out.Groups = addGroup(out.Groups, shownAnswered(g))
		}
	}
	switch {
	case len(out.Groups) == 0:
		return out, web.Refuse(http.StatusNotFound, errNothingToAnswer)
	case len(of.Orders) == 0:
		out.NotFound = []string{}
	}
	return out, nil
}

// storedKey is [sidecar.orderKey] of one of many: what is no key of an order is looked for as it is, and not found.
func (s *sidecar) storedKey(ctx context.Context, given string) (order.Key, error) {
	if given == "" {
		return "", nil
	}
	key, err := s.orderKey(ctx, given)
	if _, none := errors.AsType[*web.RefusedError](err); none {
		return order.Key(given), nil
	}
	return key, err
}

// addGroup adds to the group of the same place, kind and cause.
func addGroup(groups []web.Answered, more web.Answered) []web.Answered {
	for i, g := range groups {
		if g.Hop == more.Hop && g.Part == more.Part && g.Kind == more.Kind && g.Cause == more.Cause {
			groups[i].Count += more.Count
			groups[i].Orders += more.Orders
			return groups
		}
	}
	return append(groups, more)
}

func shownAnswered(a ledger.Answered) web.Answered {
	return web.Answered{Hop: a.Hop, Part: string(a.Part), Kind: a.Kind, Cause: a.Cause, Count: a.Count, Orders: a.Orders}
}

// approve is cutover approve, by a user with the role.
func (s *sidecar) approve(ctx context.Context, given gate.Approval, slice string) (gate.Approval, error) {
	if slice != "" {
		name, err := (sliceFlag{Slice: &slice}).name(ctx, s.sliced.whole)
		if err != nil && !passes(err) {
			err = web.Refuse(http.StatusBadRequest, withoutSecrets(s.config, err))
		}
		if err != nil {
			return gate.Approval{}, err
		}
		slice = name
	}
	given.Cutover = s.config.ApprovalOf(slice)
	approval, err := s.ledger.Approve(ctx, given)
	if errors.Is(err, ledger.ErrNotGo) || errors.Is(err, ledger.ErrOtherDecision) {
		return approval, web.Refuse(http.StatusConflict, err)
	}
	return approval, err
}
