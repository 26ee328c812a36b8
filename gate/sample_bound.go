package gate

import (
	"fmt"
	"math"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// SampleBoundCriterion asks that the samples of the last MaxAge bound the share of bad orders by MaxRatio, at the given
// Confidence, however often one looks. It fails only if the samples prove a larger share. If they only do not exclude a
// larger share, it is inconclusive.
//
// Where no sample can be drawn, it asks for a clean full verification that is not older than MaxAge instead.
type SampleBoundCriterion struct {
	Rule
	// MaxRatio is the largest accepted share of bad orders; default 0.001. A sample can never prove 0.
	MaxRatio float64
	// Confidence is how sure the bound must be; default 0.95.
	Confidence float64
	// MaxAge is how far back samples count; default 168h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (SampleBoundCriterion) Name() string { return "sample_bound" }

func (c *SampleBoundCriterion) settings(s Settings) {
	s.Ratio("max_ratio", &c.MaxRatio, Range{Low: 0, High: 1}) // no sample proves 0
	s.Ratio("confidence", &c.Confidence, Range{Low: 0.5, WithLow: true, High: 1})
	maxAgeSetting(s, &c.MaxAge)
}

func (c *SampleBoundCriterion) byDefault() {
	*c = SampleBoundCriterion{Rule: Rule{Enabled: true, Severity: Blocking}, MaxRatio: 0.001, Confidence: 0.95, MaxAge: 7 * 24 * time.Hour}
}

// EvidenceAt is when the newest sample started, or the full pass that stands in for samples.
func (SampleBoundCriterion) EvidenceAt(e Evidence) time.Time {
	if e.Sampling.Orders == 0 && e.Full != nil && e.Full.Unsampled != "" {
		return e.Full.StartedAt
	}
	return e.Sample.started()
}

// Judge bounds the share of bad orders. Observed is the anytime-valid upper bound.
func (c SampleBoundCriterion) Judge(e Evidence, now time.Time) Result {
	limit := scalar(c.MaxRatio)
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	r, ok := c.usable(e, limit, now)
	if ok {
		r = c.bound(e, limit)
	}
	if r.Verdict == Inconclusive && e.Sampling.Diverged == 0 {
		if full, ok := c.fullInstead(e, limit, now); ok {
			return full
		}
	}
	return r
}

// fullInstead lets a clean full verification stand in where no sample can be drawn. It proves more than any sample.
func (c SampleBoundCriterion) fullInstead(e Evidence, limit any, now time.Time) (r Result, ok bool) {
	var why string
	for _, p := range []*Pass{e.Full, e.Sample} {
		if p != nil && why == "" {
			why = p.Unsampled
		}
	}
	if why == "" {
		return r, false
	}
	full := FullVerificationCriterion{Rule: c.Rule, MaxAge: c.MaxAge}.Judge(e, now)
	if full.Verdict != Passes {
		return inconclusive(nil, limit, nextFull(e, now), "No uniform sample can be drawn: %s. A clean full verification would stand in, but: %s", why, full.Reason), true
	}
	return pass(0, limit, "Every order was compared. %s No uniform sample can be drawn: %s.", full.Reason, why), true
}

// bound judges the samples.
func (c SampleBoundCriterion) bound(e Evidence, limit any) Result {
	s := e.Sampling
	b := BoundOf(s, c.Confidence)
	said := b.sentence(s)
	if b.Upper <= c.MaxRatio {
		return pass(b.Upper, limit, "%s", said)
	}
	missing := moreClean(s.Orders, s.Diverged+s.Unverified, c.Confidence, c.MaxRatio)
	eta := c.cleanEta(e, missing)
	if s.AcceptedSince > 0 {
		said += fmt.Sprintf(" Of the diverged %s accepted after the draw: the samples say that orders which they did not draw are like these. A full verification names them all.",
			human.Quantity(s.AcceptedSince, "is", "are"))
		eta = "run crosscheck verify and accept the rest, or: " + eta
	}
	if b.Lower > c.MaxRatio {
		proven := fmt.Sprintf("%s At least %s are proven bad; the limit is %s", said, human.Percent(b.Lower), human.Percent(c.MaxRatio))
		if openTotal(e) > 0 {
			return fail(b.Upper, limit, "repair the cause and the orders; then "+eta, "%s.", proven)
		}
		return inconclusive(b.Upper, limit, eta, "%s. But everything found has been resolved or accepted since.", proven)
	}
	return inconclusive(b.Upper, limit, eta, "%s The limit is %s.", said, human.Percent(c.MaxRatio))
}

// usable returns false, and the result that says why, if the samples cannot be judged.
func (c SampleBoundCriterion) usable(e Evidence, limit any, now time.Time) (Result, bool) {
	s, again := e.Sampling, c.cleanEta(e, moreClean(0, 0, c.Confidence, c.MaxRatio))
	switch {
	case s.Passes < 0 || s.Orders < 0 || s.Diverged < 0 || s.Unverified < 0 || s.Population < 0 || s.Accepted < 0 || s.AcceptedSince < 0 || s.AcceptedSince > s.Diverged || s.Diverged > s.Orders-s.Unverified:
		return broken(limit, "look at the passes of kind sample in the ledger", "The sums of the samples contradict each other: %d orders drawn, %d diverged, %d unverified.",
			s.Orders, s.Diverged, s.Unverified), false
	case s.Orders > 0 && e.Sample == nil: // otherwise removing an unusable pass would repair the evidence
		return broken(limit, "run crosscheck sample", "%s were sampled, but the ledger has no sample.", human.Quantity(s.Orders, "order", "orders")), false
	case s.Orders == 0 && e.VoidSample:
		return inconclusive(nil, limit, again, "%s", voidReason("sample", e)), false
	case s.Orders == 0:
		return inconclusive(nil, limit, again, "No order has been sampled in the last %s.", human.Duration(c.MaxAge)), false
	case s.Population == 0:
		return inconclusive(nil, limit, again, "The number of orders in the tables is not known, so the samples prove nothing."), false
	case s.Since.IsZero() || s.Since.After(now.Add(clockTolerance)):
		return broken(limit, clockHint, "The samples began at %s according to the ledger, but now is %s.", human.Instant(s.Since), human.Instant(now)), false
	case now.Sub(s.Since) > c.MaxAge+clockTolerance:
		return inconclusive(nil, limit, again, "The samples reach back to %s; the limit is %s.",
			human.Instant(s.Since), human.Duration(c.MaxAge)), false
	}
	if p := e.Sample; p != nil {
		if why := contradiction(*p, now); why != "" {
			return broken(limit, clockHint, "%s cannot be used as evidence: %s.", passName(*p), why), false
		}
		if p.Diverged > 0 && p.Coverage < 1 { // what it left out may be as bad
			return inconclusive(nil, limit, again, "%s. It found %s.%s", passWhen(*p, now), human.Quantity(p.Diverged, "diverged order", "diverged orders"), leftOut(*p)), false
		}
	}
	return Result{}, true
}

// cleanEta says how many clean samples are missing, and how long they take at the present rate.
func (c SampleBoundCriterion) cleanEta(e Evidence, missing int64) string {
	want := human.Quantity(missing, "more clean sample", "more clean samples")
	s := e.Sampling
	if s.Passes <= 0 || s.Orders < s.Passes || e.SampleEvery <= 0 {
		return want + "; run crosscheck sample"
	}
	perPass := s.Orders / s.Passes
	passes := (missing + perPass - 1) / perPass
	// The window holds only so many orders at the present rate, because old samples leave it as new ones come.
	if held := int64(c.MaxAge/e.SampleEvery) * perPass; s.Orders+missing > held {
		return fmt.Sprintf("%s; but %s hold only about %s at the present rate, so raise sampler.size or sample more often",
			want, human.Duration(c.MaxAge), human.Number(held))
	}
	return fmt.Sprintf("%s, about %s (%s of %s)", want, human.Duration(time.Duration(passes)*e.SampleEvery),
		human.Quantity(passes, "pass", "passes"), human.Number(perPass))
}

// Bound is what samples say about the share of bad orders.
type Bound struct {
	Confidence float64
	// Lower and Upper hold at all looks at once. Unjudged orders count as bad in Upper and as good in Lower.
	Lower, Upper float64
	// UpperOrders is Upper as a number of orders of the population, rounded up.
	UpperOrders int64
	// Fixed and FixedOrders are the bound for a single look, for information. They do not hold for repeated looks.
	Fixed       float64
	FixedOrders int64
}

// BoundOf computes the bound. Without samples it is the whole range, 0 to 1.
func BoundOf(s Sampling, confidence float64) Bound {
	b := Bound{Confidence: confidence}
	bad := s.Diverged + s.Unverified
	_, b.Upper = mixtureBounds(s.Orders, bad, confidence)
	b.Lower, _ = mixtureBounds(s.Orders, s.Diverged, confidence)
	b.Fixed = FixedBound(s.Orders, bad, confidence)
	b.UpperOrders = int64(math.Ceil(b.Upper * float64(s.Population)))
	b.FixedOrders = int64(math.Ceil(b.Fixed * float64(s.Population)))
	return b
}

func (b Bound) sentence(s Sampling) string {
	found := fmt.Sprintf("%s diverged", human.Number(s.Diverged))
	if s.Unverified > 0 {
		found += fmt.Sprintf(" and %s left unjudged", human.Number(s.Unverified))
	}
	if s.Accepted > 0 {
		found += fmt.Sprintf(" (not counting %s accepted)", human.Quantity(s.Accepted, "that is", "that are"))
	}
	return fmt.Sprintf("%s sampled by %s since %s, %s: with %s confidence at most %s of the orders are bad, about %s of about %s by the planner's estimate, "+
		"however often you look (for a single look: %s, about %s).",
		human.Quantity(s.Orders, "order", "orders"), human.Quantity(s.Passes, "pass", "passes"), human.Instant(s.Since), found,
		human.Percent(b.Confidence), human.Percent(b.Upper), human.Number(b.UpperOrders), human.Number(s.Population), human.Percent(b.Fixed), human.Number(b.FixedOrders))
}
