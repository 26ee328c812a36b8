package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// errPaced is returned for a delta pass that would have to be a full one now.
var errPaced = errors.New("a full verification instead of a delta pass would be too soon after the last one")

// instead limits the full passes that the sidecar makes where a delta pass is not certain to find everything. Delta passes are
// cheap and may be due every few seconds; a full pass in each one's place would never leave the databases alone. Until the next
// one is allowed, runs of the job begin no pass.
type instead struct {
	next time.Time // not before
	told string    // the reason that was logged last
}

// rests is how many times as long as such a full pass took there is none after it. So they take at most a tenth of the time.
const rests = 9

// made is told of every pass of the job.
func (i *instead) made(p verify.Pass) {
	if p.Kind == verify.Full {
		i.next = p.FinishedAt.Add(rests * p.FinishedAt.Sub(p.StartedAt))
	}
}

// fullWhenNeeded lets a delta pass become a full one, as often as that is allowed. Only then the event store is opened as a
// whole.
func (s *sidecar) fullWhenNeeded(ctx context.Context, c *verify.Comparison, opened *sides) {
	c.Instead = func(reason string) error {
		if c.Now().Before(s.instead.next) {
			return errPaced
		}
		if s.instead.told != reason {
			s.instead.told = reason
			s.log.InfoContext(ctx, "full verifications are made instead of delta passes, in at most a tenth of the time", slog.String("reason", reason))
		}
		if err := opened.openFolded(ctx, s.config, s.observeQuery); err != nil {
			return err
		}
		c.Folded = opened.folded.pair(opened.legacy)
		return opened.keepsLimits(ctx, s.config, s.log)
	}
}

// paced is the result of a run of the job of delta passes: none if it began no pass.
func (s *sidecar) paced(made verify.Pass, err error) (verify.Pass, error) {
	s.instead.made(made)
	if errors.Is(err, errPaced) {
		return verify.Pass{}, nil
	}
	return made, err
}
