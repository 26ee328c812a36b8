package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/switches"
)

// standbys notes how far the servers of the new side have written. What it returns asks the standbys that clients read for what they have not replayed
// of that. Their primary is not asked: an idle standby tells it only each ten seconds. Nil if none is named.
func (t *cutting) standbys() func(context.Context) (func(context.Context) (string, error), error) {
	if len(t.config.Cutover.Standbys) == 0 {
		return nil
	}
	return func(ctx context.Context) (func(context.Context) (string, error), error) {
		places, err := placesOfNewSide(ctx, t.config)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (string, error) { return unreplayed(ctx, t.config, places) }, nil
	}
}

func placesOfNewSide(ctx context.Context, c *config.Config) (places []switches.Place, err error) {
	for _, dsn := range []config.Secret{c.Projection.DSN, c.Events.DSN} {
		if dsn.Empty() || len(places) > 0 && dsn.Reveal() == c.Projection.DSN.Reveal() {
			continue
		}
		p, err := switches.PlaceOf(ctx, dsn.Reveal())
		if err != nil {
			return nil, fmt.Errorf("the new side: %w", err)
		}
		places = append(places, p)
	}
	return places, nil
}

// unreplayed names the standbys that have not come to their place; empty if all have.
func unreplayed(ctx context.Context, c *config.Config, places []switches.Place) (string, error) {
	var behind []string
	for i, dsn := range c.Cutover.Standbys {
		lacks, err := switches.Lacks(ctx, dsn.Reveal(), places)
		if err != nil {
			return "", fmt.Errorf("cutover.standbys[%d]: %w", i, err)
		}
		if lacks != "" {
			behind = append(behind, fmt.Sprintf("%s at cutover.standbys[%d]", lacks, i))
		}
	}
	return strings.Join(behind, ", "), nil
}

// standbysTimeout ends a look at the standbys before a run.
const standbysTimeout = 5 * time.Second

// following makes sure that the standbys that clients read answer, and are standbys of the new side.
func (g *guarding) following(ctx context.Context) steps.Guardrail {
	ctx, cancel := context.WithTimeout(ctx, standbysTimeout)
	defer cancel()
	places, err := placesOfNewSide(ctx, g.config)
	var behind string
	if err == nil {
		behind, err = unreplayed(ctx, g.config, places)
	}
	if err != nil {
		err = errors.New(g.config.Mask(err.Error()))
	}
	passes := human.Quantity(int64(len(g.config.Cutover.Standbys)), "standby follows", "standbys follow") + " the new side"
	if behind != "" {
		passes += "; not replayed yet: " + behind
	}
	return guardrail("standbys", err, passes)
}
