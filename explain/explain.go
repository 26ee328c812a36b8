// Package explain reports on one order: what each representation has of it, where they differ, and why.
//
// Invariant: it judges as passes do. [verify.Comparison] reads rows, events and legacy's own record; [compare.Oracle]
// and [compare.Settle] judge them. This package itself reads only what the topic holds of the order.
package explain

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// ErrNoSuchOrder is returned if none of the representations that could be read has the order.
var ErrNoSuchOrder = errors.New("no representation has this order")

// Explainer explains orders.
type Explainer struct {
	// Comparison is what passes compare. Its ledger is not used.
	Comparison *verify.Comparison
	// Stream is nil if no stream is configured. It needs an event store.
	Stream *Stream
	// Step adds the steps to reports, and AsOf the order at that time, if it is not zero. Both need an event store.
	Step bool
	AsOf time.Time
	// Once looks a single time. An order that may still be on its way is then said to be lagging.
	Once bool
	// Fold are the rules that Comparison.Rules were made of; only needed for steps.
	Fold order.FoldRules
	// Moved says that the order is at the new side; nil if legacy is its truth.
	Moved *Moved
	// Waiting is called before an order that may still be on its way is looked at again; may be nil.
	Waiting func(time.Duration)
}

// look is one order in all representations, at one version of its history.
type look struct {
	compare.Reading

	observation compare.Observation
	diagnosis   compare.Diagnosis
	hops        map[order.Hop]compare.Verdict // of each hop at which it parts, once it has settled
	stream      []Finding                     // open ones, according to the follower
	topic       *onTopic                      // nil if no stream is configured
}

// Explain looks at an order and reports what it saw. If the order may still be on its way, it looks a second time.
func (x *Explainer) Explain(ctx context.Context, key order.Key) (Report, error) {
	l, verdict, err := x.settled(ctx, key)
	if err != nil {
		return Report{}, err
	}
	if verdict, err = x.onStream(ctx, &l, verdict); err != nil {
		return Report{}, err
	}
	if l.nowhere() {
		return Report{}, ErrNoSuchOrder
	}
	return x.report(l, verdict), nil
}

// nowhere returns true if none of the representations that could be read has the order.
func (l look) nowhere() bool {
	return len(l.Legacy)+len(l.Projection)+len(l.Events)+len(l.stream) == 0 && (l.topic == nil || len(l.topic.found.Messages) == 0)
}

func (x *Explainer) look(ctx context.Context, key order.Key) (l look, err error) {
	read, err := x.Comparison.Read(ctx, []order.Key{key})
	if err != nil {
		return l, err
	}
	l.Reading = read[0]
	if x.Moved != nil {
		x.judgedAtNewSide(&l)
	} else {
		l.observation, l.diagnosis = x.oracle().Judge(l.Reading)
	}
	return l, nil
}

func (x *Explainer) oracle() compare.Oracle {
	return x.Comparison.Oracle()
}

// settled looks until possible lag is proven to be more than lag. If the order's own times say that nothing has
// happened to it for a settle window, the first look is enough.
func (x *Explainer) settled(ctx context.Context, key order.Key) (look, compare.Verdict, error) {
	is, err := x.look(ctx, key)
	if err != nil || len(is.observation.Mismatches) == 0 {
		return is, is.diagnosis.Verdict, err
	}
	was, rest := is.observation, is.newest()
	if !rest.IsZero() && is.At.Sub(rest) >= x.Comparison.Settle.Window {
		was.At = rest
	} else if !x.Once {
		if err := x.pause(ctx); err != nil {
			return is, compare.Unverified, err
		}
		if is, err = x.look(ctx, key); err != nil {
			return is, compare.Unverified, err
		}
	}
	j := x.Comparison.Settle.Judge(was, is.observation, 0, was.At)
	is.hops = j.Hops
	if len(j.Diverged) > 0 { // another hop may still be on its way
		return is, compare.Diverged, nil
	}
	return is, j.Verdict, nil
}

// newest returns the time of the last known change of the order; zero if there is none.
func (l look) newest() time.Time {
	newest := l.observation.LegacyChangedAt
	if n := len(l.Events); n > 0 && l.Events[n-1].At.After(newest) {
		newest = l.Events[n-1].At
	}
	for _, row := range l.Projection {
		if row.ChangedAt.After(newest) {
			newest = row.ChangedAt
		}
	}
	return newest
}

// pause waits for a settle window, and calls Waiting first.
func (x *Explainer) pause(ctx context.Context) error {
	if x.Waiting != nil {
		x.Waiting(x.Comparison.Settle.Window)
	}
	return x.Comparison.Wait(ctx, x.Comparison.Settle.Window)
}
