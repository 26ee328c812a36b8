package gate

import (
	"fmt"
	"math"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// clockTolerance is how far the clocks of two machines that write to one ledger may be apart. Evidence further in the
// future is an error. A sum of samples may also reach back longer than max_age by this much, because it is gathered a
// moment before it is judged.
const clockTolerance = time.Minute

// fullPass returns the pass that a criterion about full passes may judge. It must exist, be consistent, be fresh and
// not be empty. Otherwise ok is false and the result says why. A pass that is too old and found divergences is still
// returned, because old bad news is still bad news; use [stale] for it.
func fullPass(e Evidence, limit any, now time.Time) (p Pass, r Result, ok bool) {
	eta := nextFull(e, now)
	if e.Full == nil {
		if e.VoidFull {
			return p, inconclusive(nil, limit, eta, "%s", voidReason("full verification", e)), false
		}
		return p, inconclusive(nil, limit, eta, "No full verification has finished yet."), false
	}
	p = *e.Full
	if why := contradiction(p, now); why != "" {
		return p, broken(limit, clockHint, "%s cannot be used as evidence: %s.", passName(p), why), false
	}
	if p.LegacyRows == 0 && p.ProjectionRows == 0 && p.Reason == "" { // otherwise the pass may have ended before it read a row
		return p, inconclusive(nil, limit, eta,
			"%s found both sides empty, so there was nothing to compare. Check that these are the right tables.", passWhen(p, now)), false
	}
	if p.Compared == 0 {
		return p, inconclusive(nil, limit, eta, "%s compared no order%s.", passWhen(p, now), because(p.Reason)), false
	}
	return p, Result{}, true
}

// stale says that a pass is older than the criterion allows.
func stale(p Pass, e Evidence, observed, limit any, maxAge time.Duration, now time.Time) (Result, bool) {
	if now.Sub(p.StartedAt) <= maxAge {
		return Result{}, false
	}
	return inconclusive(observed, limit, nextFull(e, now),
		"%s; the limit is %s.", passWhen(p, now), human.Duration(maxAge)), true
}

const clockHint = "compare the clocks of all machines that run crosscheck (crosscheck doctor), then run crosscheck verify"

// contradiction says why a pass cannot be true; empty when it can.
func contradiction(p Pass, now time.Time) string {
	switch {
	case p.StartedAt.IsZero() || p.FinishedAt.IsZero():
		return "it has no start or no end"
	case p.FinishedAt.Before(p.StartedAt):
		return "it ended before it started"
	case p.FinishedAt.After(now.Add(clockTolerance)):
		return fmt.Sprintf("it ended at %s, but now is %s", human.Instant(p.FinishedAt), human.Instant(now))
	case p.Accepted < 0 || p.AcceptedCopies < 0 || p.LegacyRows < 0 || p.ProjectionRows < 0 || p.Compared < 0 || p.Diverged < 0 || p.Unverified < 0:
		return "it holds negative numbers"
	case math.IsNaN(p.Coverage) || p.Coverage < 0 || p.Coverage > 1:
		return fmt.Sprintf("its coverage of %v is not a share", p.Coverage)
	case p.Accepted > p.Diverged:
		return "more of its orders are accepted than have diverged"
	case p.Unverified > p.Compared+p.LegacyRows+p.ProjectionRows:
		return "it left more orders unverified than there are"
	}
	return ""
}

// nextFull says when a new full pass will be available.
func nextFull(e Evidence, now time.Time) string {
	if e.NextFull.IsZero() || e.NextFull.Before(now) {
		return "run crosscheck verify"
	}
	return fmt.Sprintf("next full verification at %s, in %s; or run crosscheck verify", human.Instant(e.NextFull), human.Duration(e.NextFull.Sub(now)))
}

func voidReason(what string, e Evidence) string {
	if e.Changed != "" {
		return fmt.Sprintf("The evidence of the last %s is void. Changed since: %s.", what, e.Changed)
	}
	return fmt.Sprintf("The evidence of the last %s is void. The configuration, the version of the comparator "+
		"or one of the databases has changed since.", what)
}

// openTotal is the number of open divergences.
func openTotal(e Evidence) int64 {
	var n int64
	for _, o := range e.Open {
		n += o.Count
	}
	return n
}
