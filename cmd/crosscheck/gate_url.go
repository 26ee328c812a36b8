package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nordvarg/crosscheck/web"
)

// passwordVariable has the password of the user in --url.
const passwordVariable = "CROSSCHECK_PASSWORD"

var errURLAlone = errors.New("--url takes no other flags than --json and --wait, because the sidecar decides")

// sidecarAt is a client of the API of the sidecar at an address.
func (p *program) sidecarAt(address string) (*web.Client, error) {
	password, _ := p.getenv(passwordVariable)
	c, err := web.NewClient(address, password)
	if err != nil {
		return nil, withHint(fmt.Errorf("--url: %w", err), "such as https://alice@crosscheck.example.com, with the password in "+passwordVariable)
	}
	return c, nil
}

// ask prints what the sidecar decides. It needs no configuration and no database.
func (g *gateCommand) ask(ctx context.Context, p *program) (int, error) {
	if *g != (gateCommand{URL: g.URL, JSON: g.JSON, Wait: g.Wait}) {
		return exitError, errURLAlone
	}
	g.docs = docsAt(g.URL)
	c, err := p.sidecarAt(g.URL)
	if err != nil {
		return exitError, err
	}
	if err := g.await(ctx, p, c.Decision); err != nil {
		return 0, withURLHint(g.unanswered(p, err, err))
	}
	d, err := c.Decision(ctx)
	if err != nil {
		return 0, withURLHint(g.unanswered(p, err, err))
	}
	return d.ExitCode(), g.print(p, d)
}

// withURLHint says what to do if a sidecar does not answer as it should.
func withURLHint(err error) error {
	switch {
	case errors.Is(err, web.ErrAway):
		return withHint(err, "check host and port of --url, and that crosscheck run is running")
	case errors.Is(err, web.ErrAnswer):
		return withHint(err, "give the user in --url, as in https://alice@host, and the password in "+passwordVariable)
	}
	return err
}
