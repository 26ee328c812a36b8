package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/alerts"
	"github.com/nordvarg/crosscheck/incident"
)

type alertsCommand struct {
	Test alertsTestCommand `cmd:"" help:"Send a test message and print where it went."`
}

type alertsTestCommand struct{}

var errNoAlerts = errors.New("no alerts are configured")

// run sends a message without the outbox, to test token and channel.
func (a *alertsTestCommand) run(ctx context.Context, p *program) (int, error) {
	pairs, err := p.loadPairs()
	if err != nil {
		return exitError, err
	}
	c := overAll(pairs[0]) // alerts are configured once
	if !c.Alerts.Given() {
		return exitError, withHint(errNoAlerts, `add a section such as alerts: {slack: {token: "${SLACK_TOKEN}", channel: C0123456789}}`)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	at, err := sender(c.Alerts.Slack).Send(ctx, incident.Delivery{
		Op: incident.Parent, Marker: "test " + rand.Text(),
		Body: incident.Body{
			Headline: "A test by crosscheck", Lines: []string{"Alerts arrive here. Sent by " + holder() + "."}, Link: c.Web.URL, System: systemOf(c).String(),
		},
	})
	if err != nil {
		if wait, ok := errors.AsType[*alerts.WaitError](err); ok && wait.After == 0 {
			err = withHint(err, "check the token and the channel; Slack refuses the message. See docs/alerts.md")
		}
		return exitError, fmt.Errorf("sending a test: %w", err)
	}
	if at.TS == "" {
		_, err = fmt.Fprintln(p.stdout, "sent through the webhook; it does not tell the channel")
	} else {
		_, err = fmt.Fprintf(p.stdout, "sent to channel %s as message %s\n", at.Channel, at.TS)
	}
	return exitAgrees, err
}
