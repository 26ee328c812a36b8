package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/web"
)

func TestGateWaitsForAnAnswer(t *testing.T) {
	away, other, hangs := fmt.Errorf("%w: refused", web.ErrAway), errors.New("no such table"), errors.New("hangs")
	for name, c := range map[string]struct {
		answers []any // the last one is given again and again
		took    time.Duration
		err     error
	}{
		"at once":               {[]any{gate.NoGo}, 0, nil},
		"after a while":         {[]any{gate.Undecided, away, gate.Go}, 2 * gatePoll, nil},
		"never":                 {[]any{gate.Undecided}, 12 * time.Second, nil},
		"never reached":         {[]any{away}, 12 * time.Second, nil},
		"a look that hangs":     {[]any{gate.Undecided, hangs}, 12 * time.Second, nil},
		"not worth waiting for": {[]any{gate.Undecided, other}, gatePoll, other},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said strings.Builder
				begun, looks := time.Now(), 0
				look := func(ctx context.Context) (d gate.Decision, err error) {
					switch a := c.answers[min(looks, len(c.answers)-1)].(type) {
					case error:
						if err = a; errors.Is(a, hangs) {
							<-ctx.Done()
							err = ctx.Err()
						}
					case gate.Answer:
						d.Decision = a
					}
					looks++
					return d, err
				}
				err := (&gateCommand{Wait: 12 * time.Second}).await(t.Context(), &program{stderr: &said}, look)
				if took := time.Since(begun); took != c.took || !errors.Is(err, c.err) || strings.Count(said.String(), "waiting up to 12s") != min(int(took), 1) {
					t.Errorf("%v after %s: %s", err, took, &said)
				}
			})
		})
	}
	if err := (&gateCommand{}).await(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}
