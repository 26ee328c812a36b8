package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lease"
)

// finishEvery is the pause between two looks for runs whose process is gone.
const finishEvery = 2 * time.Second

// finish ends runs that nobody drives any more, by the same rules as the process that began them: back where that is possible.
func (s *sidecar) finish(ctx context.Context, p *program) error {
	if !s.config.Cutover.Given() {
		return nil
	}
	for lease.Sleep(ctx, finishEvery) == nil {
		if err := s.finishOne(ctx, p); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "a cutover was not finished; it is tried again", slog.String("error", s.config.Mask(err.Error())))
		}
	}
	return nil
}

func (s *sidecar) finishOne(ctx context.Context, p *program) error {
	all, err := statuses(ctx, s.ledger)
	if err != nil {
		return err
	}
	left := unfinished(all)
	if left == nil {
		return nil
	}
	if left.ByHand != "" { // the alert tells people
		if of := fmt.Sprint(left.Run, left.Records); s.handed != of {
			s.handed = of
			s.log.ErrorContext(ctx, "a cutover waits for a person", slog.String("run", left.Run), slog.String("next", left.Action.String()), slog.String("do", left.ByHand))
		}
		return nil
	}
	if driven, err := s.ledger.Held(ctx, cutoverJob); err != nil || driven {
		return err
	}
	if left.State.Stranded() {
		s.log.ErrorContext(ctx, "no side takes writes, because a cutover was left unfinished", slog.String("run", left.Run), slog.String("next", left.Action.String()))
	}
	t, err := openCutting(ctx, p, left.State.Slice)
	if err != nil {
		return err
	}
	defer t.close()
	var ask cutoverrun.Request
	if left.State.Step == cutover.Preflight || left.State.Step == cutover.Hold {
		ask.Asks = cutover.Abort // nobody sits before this process
	}
	s.finishing.Store(true)
	defer s.finishing.Store(false)
	done, err := t.resume(ctx, left.Run, ask, func(cutoverrun.Status) {})
	switch {
	case errors.Is(err, lease.ErrHeld):
		return nil
	case err != nil:
		return err
	}
	s.log.WarnContext(ctx, "a cutover whose process was gone has been finished", slog.String("run", done.Run), slog.String("phase", string(done.State.Phase)))
	return nil
}
