package main

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// kept are the sides of the last delta pass, which stay open. Opening them costs the servers more than such a pass.
type kept struct {
	comparison  *verify.Comparison
	fingerprint string
	close       func()
	until       time.Time
}

// keptFor is how long sides stay open: an index that was added or dropped is noticed later than that.
const keptFor = 5 * time.Minute

// delta makes a delta pass. Where it cannot tell what was written, the database may be another one than the sides that stayed open
// belong to, so the next run opens them again before anything else is compared.
func (s *sidecar) delta(ctx context.Context, l lease.Lease, start verify.Start) (verify.Pass, error) {
	k := s.kept
	s.kept = nil
	if k != nil && time.Now().After(k.until) {
		k.close()
		k = nil
	}
	if k != nil {
		k.comparison.Instead = func(string) error { return errPaced }
	} else {
		c, fingerprint, done, err := s.comparison(ctx, verify.Delta)
		if err != nil {
			return verify.Pass{}, err
		}
		k = &kept{c, fingerprint, done, time.Now().Add(keptFor)}
	}
	defer func() {
		if s.kept != k {
			k.close()
		}
	}()
	start.Fingerprint = k.fingerprint
	made, err := k.comparison.Delta(ctx, l, start)
	if err == nil && made.Kind == verify.Delta && made.Result.Verdict == compare.Match {
		s.kept = k
	}
	return s.paced(made, err)
}
