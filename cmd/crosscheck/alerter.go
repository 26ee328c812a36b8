package main

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/nordvarg/crosscheck/alerts"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/metrics"
	"github.com/nordvarg/crosscheck/verify"
)

var (
	_ alerts.Book   = (*ledger.Ledger)(nil)
	_ alerts.Outbox = (*ledger.Ledger)(nil)
)

// alert tells people until ctx ends; at once where nobody is to be told.
func (s *sidecar) alert(ctx context.Context, status *ledgerStatus) error {
	if !s.config.Alerts.Given() {
		return nil
	}
	begun := *status
	begun.started = time.Now() // not before the ledger could be reached: then nobody could follow
	a := &alerts.Alerter{
		Book: s.ledger, Outbox: s.ledger, Leases: s.ledger, Sender: sender(s.config.Alerts.Slack),
		Facts: begun.facts, Policy: alertPolicy(s.config), Holder: holder(), Log: s.log, Now: time.Now, Wait: lease.Sleep,
	}
	return a.Run(ctx)
}

func sender(c config.Slack) alerts.Sender {
	if !c.Webhook.Empty() {
		return alerts.NewWebhook(c.Webhook.Reveal())
	}
	return alerts.NewSlack(c.Token.Reveal(), c.Channel, c.APIURL)
}

func alertPolicy(c *config.Config) incident.Policy {
	q := c.Alerts.Quiet
	return incident.Policy{
		UpdateEvery: c.Alerts.UpdateEvery, MinCoverage: c.Gate.Criteria.Coverage.Min, Link: c.Web.URL,
		Quiet: incident.Quiet{From: q.From, To: q.To, Zone: q.Zone},
	}
}

// facts are what alerts are derived from. A database that cannot be asked leaves the fingerprint empty: then nothing
// is known of divergences and of the decision, and nothing that is open is taken for resolved.
func (s *ledgerStatus) facts(ctx context.Context) (incident.Facts, error) {
	now := time.Now()
	var f incident.Facts
	if d, err := s.decision(ctx, now); err == nil {
		f.Fingerprint, f.Decision = d.Fingerprint, string(d.Decision)
		for _, c := range d.Criteria {
			if c.Verdict != gate.Passes && !c.Advisory {
				f.Failing = append(f.Failing, c.Name)
				f.Reasons = append(f.Reasons, criterionTold(c, s.config.Alerts.IncludeValues))
			}
		}
	}
	var err error
	if f.Fingerprint != "" {
		if f.Open, err = s.ledger.OpenGroups(ctx, f.Fingerprint, s.config.Alerts.IncludeValues); err != nil {
			return f, err
		}
		// After what is open: what is accepted between the two is told at the next look, and never as repaired.
		if f.Accepted, err = s.ledger.Acceptances(ctx, f.Fingerprint); err != nil {
			return f, err
		}
		if f.StreamStopped, err = s.streamFact(ctx, f.Fingerprint, now); err != nil {
			return f, err
		}
	}
	f.Passes, err = s.passFacts(ctx, now)
	return f, err
}

// criterionTold is a criterion's result in a sentence. Its reason may quote a value of an order: a group of the counts, or
// what a server's error names; numbers cannot.
func criterionTold(c gate.Result, values bool) string {
	if values {
		return fmt.Sprintf("%s (%s): %s", c.Name, c.Verdict, c.Reason)
	}
	told := fmt.Sprintf("%s (%s)", c.Name, c.Verdict)
	if number(c.Observed) && number(c.Limit) {
		told += fmt.Sprintf(": observed %v, limit %v", c.Observed, c.Limit)
	}
	return told + "; the status page says why"
}

func number(v any) bool {
	switch reflect.ValueOf(v).Kind() { //nolint:exhaustive // of the kinds of Go few are numbers
	case reflect.Int, reflect.Int64, reflect.Float64:
		return true
	default:
		return false
	}
}

// streamFact is since when the stream is not followed; zero while it is, and where there is none.
func (s *ledgerStatus) streamFact(ctx context.Context, fingerprint string, now time.Time) (time.Time, error) {
	if !s.config.Stream.Given() {
		return time.Time{}, nil
	}
	e, _, err := s.ledger.StreamEvidence(ctx, fingerprint)
	if err != nil {
		return time.Time{}, err
	}
	if since, stopped := streamStopped(e, s.started, now, s.config.Compare.Settle.Window); stopped {
		return since, nil
	}
	return time.Time{}, nil
}

func (s *ledgerStatus) passFacts(ctx context.Context, now time.Time) ([]incident.Pass, error) {
	kinds, err := s.ledger.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	finished, err := s.ledger.NewestFinished(ctx)
	if err != nil {
		return nil, err
	}
	newest := map[verify.PassKind]verify.Pass{}
	for _, p := range finished {
		newest[p.Kind] = p
	}
	var facts []incident.Pass
	reason := func(p verify.Pass) string { // may quote an error of a server, and with it a value
		if s.config.Alerts.IncludeValues {
			return p.Result.Reason
		}
		return ""
	}
	for _, k := range kinds {
		if k.Kind == verify.StreamPass {
			continue // each stop of a sidecar breaks one off, and the next goes on with its orders
		}
		p := newest[k.Kind]
		facts = append(facts, incident.Pass{
			Kind: string(k.Kind), ID: int64(p.ID), Unverified: p.Result.Verdict == compare.Unverified,
			Reason: reason(p), Coverage: p.Scan.Coverage,
			Overdue: !s.cron(k.Kind).Off() && k.Overdue(now, overdueAfter), Due: k.NextDue,
		})
	}
	return facts, nil
}

// alerts adds how many messages wait.
func (s *ledgerStatus) alerts(ctx context.Context, m *metrics.Snapshot) error {
	if !s.config.Alerts.Given() {
		return nil
	}
	pending, err := s.ledger.AlertsPending(ctx, time.Now())
	m.AlertsPending = &pending
	return err
}
