package main

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/alerts"
	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
)

var (
	_ alerts.Book   = (*ledger.Ledger)(nil)
	_ alerts.Outbox = (*ledger.Ledger)(nil)
)

// alert sends alerts until ctx ends. It returns at once if no alerts are configured.
func (s *sidecar) alert(ctx context.Context, known board.Sources) error {
	if !s.config.Alerts.Given() {
		return nil
	}
	known.Following = time.Now() // not before the ledger was reached, because nothing could be followed until then
	a := &alerts.Alerter{
		Book: s.ledger, Outbox: s.ledger, Leases: s.ledger, Sender: sender(s.config.Alerts.Slack),
		Facts: func(ctx context.Context) (incident.Facts, error) {
			b, err := known.Gather(ctx, time.Now(), board.Groups)
			return b.Facts(), err
		},
		Policy: alertPolicy(s.config), Holder: holder(), Log: s.log, Now: time.Now, Wait: lease.Sleep,
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
		UpdateEvery: c.Alerts.UpdateEvery, MinCoverage: c.Gate.Criteria.Coverage.Min, Link: pagesAt(c), Docs: c.DocsURL(), System: systemOf(c).String(),
		Quiet: incident.Quiet{From: q.From, To: q.To, Zone: q.Zone},
	}
}
