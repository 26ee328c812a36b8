package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

const (
	// recheckPatience is how long a request waits for the end of its recheck. An order that differs is looked at for a settle window.
	recheckPatience = 8 * time.Second
	// recheckQueue is how many rechecks may wait.
	recheckQueue = 100
	// recheckJob is the job whose lease rechecks hold, one after the other, in all sidecars together.
	recheckJob = "recheck"
)

// recheck is an order that somebody wants to be looked at.
type recheck struct {
	key  order.Key
	done chan verify.Pass // gets the pass, once; closed without one if it could not be made
}

// rechecks does them one after the other, and does not stop if whoever has asked leaves.
type rechecks chan recheck

// run works off what people ask for until the context ends.
func (q rechecks) run(ctx context.Context, s *sidecar) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case of := <-q:
			pass, err := s.recheckNow(ctx, of.key)
			if err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "an order could not be rechecked", slog.String("order", string(of.key)), slog.String("error", s.config.Mask(err.Error())))
			}
			if err == nil {
				of.done <- pass
			}
			close(of.done)
		}
	}
}

// recheckNow is a pass over one order. It ends the passes of killed processes before it.
func (s *sidecar) recheckNow(ctx context.Context, key order.Key) (pass verify.Pass, err error) {
	err = holding(s.ledger, recheckJob, leaseTime, s.log).Do(ctx, func(ctx context.Context, held lease.Lease) error {
		orphans, err := s.ledger.Abandoned(ctx, verify.Recheck)
		if err != nil {
			return err
		}
		for _, found := range orphans {
			if err := s.ledger.Adopt(ctx, held, found.ID); err != nil {
				return err
			}
			if err := giveUp(ctx, s.ledger, held, found, "process ended before its orders were judged; recheck them again"); err != nil {
				return err
			}
		}
		c, fingerprint, done, err := s.comparison(ctx, verify.Recheck)
		if err != nil {
			return err
		}
		defer done()
		pass, err = c.Recheck(ctx, held, verify.Start{Trigger: "api", Fingerprint: fingerprint, At: time.Now()}, []order.Key{key})
		return err
	})
	if pass.ID != 0 {
		s.observePass(pass)
	}
	return pass, err
}

// recheckOrder is a look at an order for the API. It waits a moment for the result; after that the pass goes on alone.
func (s *sidecar) recheckOrder(ctx context.Context, given string) (web.Rechecked, error) {
	out := web.Rechecked{OrderID: given, Divergences: []web.Divergence{}}
	if s.config.Frozen() {
		return out, web.Refuse(http.StatusConflict, errPostCutover())
	}
	key, err := s.orderKey(ctx, given)
	if err != nil {
		return out, err
	}
	of := recheck{key, make(chan verify.Pass, 1)}
	select {
	case s.rechecks <- of:
	default:
		return out, web.Refuse(http.StatusServiceUnavailable, errRechecks)
	}
	patience := time.NewTimer(recheckPatience)
	defer patience.Stop()
	select {
	case <-ctx.Done():
		return out, ctx.Err()
	case <-patience.C:
	case pass, ok := <-of.done:
		if !ok {
			return out, errRecheck
		}
		out.Pass = new(web.NewPass(pass, time.Now()))
	}
	fingerprint, err := s.fingerprint(ctx)
	if err != nil {
		return out, err
	}
	found, err := s.ledger.ListDivergences(ctx, board.Filter{Fingerprint: fingerprint, Key: key}, board.Place{}, 100)
	for _, d := range found {
		if d.State != verify.Resolved {
			out.Divergences = append(out.Divergences, web.NewDivergence(d, time.Now()))
		}
	}
	return out, err
}

var (
	errRechecks = fmt.Errorf("%d orders wait to be rechecked already; try again later", recheckQueue)
	errRecheck  = errors.New("the order could not be rechecked")
)

// orderKey is the key as the databases print it.
func (s *sidecar) orderKey(ctx context.Context, given string) (order.Key, error) {
	opened, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	key, err := orderKey(opened.legacy.KeyType(), given)
	if err != nil {
		return "", web.Refuse(http.StatusBadRequest, err)
	}
	return key, nil
}
