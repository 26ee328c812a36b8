package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

type explainCommand struct {
	OrderID string `arg:"" help:"The order's key."`
	JSON    bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

var (
	errNoSuchOrder = errors.New("no representation has this order")
	errNoKey       = errors.New("not a key of these orders")
)

// explainer is what explain asks.
type explainer struct {
	config *config.Config
	sides  sides
	oracle compare.Oracle
	settle compare.Settle
}

// look is one order in all representations, at one version of its history.
type look struct {
	at                 time.Time
	legacy, projection source.Record
	events             []order.Event
	reached            time.Time
	diagnosis          compare.Diagnosis
	observation        compare.Observation
	stream             []streamFinding // open ones, as the follower knows them
	topic              *onTopic        // nil where no stream is configured
}

func (e *explainCommand) run(ctx context.Context, p *program) (int, error) {
	c, err := p.load()
	if err != nil {
		return exitError, err
	}
	x, err := newExplainer(ctx, c)
	if err != nil {
		return 0, err
	}
	defer x.sides.close()
	key, err := orderKey(x.sides.legacy.KeyType(), e.OrderID)
	if err != nil {
		return exitError, err
	}
	first, err := x.look(ctx, key)
	if err != nil {
		return 0, err
	}
	last, verdict, err := x.settled(ctx, key, first, p.stderr)
	if err != nil {
		return 0, err
	}
	if verdict, err = x.onStream(ctx, key, &last, verdict, p.stderr); err != nil {
		return 0, err
	}
	if last.nowhere() {
		return 0, withHint(fmt.Errorf("%w: %s", errNoSuchOrder, key), "check the order's key; of text keys each letter counts")
	}
	r := x.report(key, last, verdict)
	if e.JSON {
		err = writeObject(p.stdout, r)
	} else {
		_, err = io.WriteString(p.stdout, r.text())
	}
	if err != nil {
		return exitError, fmt.Errorf("writing the report: %w", err)
	}
	return exitCode(verdict), nil
}

// nowhere is true for an order that is in no representation, as far as they could be asked.
func (l look) nowhere() bool {
	return len(l.legacy.Rows)+len(l.projection.Rows)+len(l.events)+len(l.stream) == 0 && (l.topic == nil || len(l.topic.found.Messages) == 0)
}

// orderKey is the key as the databases print it. What no order's key can be is a mistake of who asks, and not of a server.
func orderKey(t order.KeyType, given string) (order.Key, error) {
	key, ok := order.CanonicalKey(t, given)
	if !ok {
		return "", withHint(fmt.Errorf("%w: the key is of type %s, and %q was given", errNoKey, t, given), "give the order's key as legacy has it")
	}
	return key, nil
}

func newExplainer(ctx context.Context, c *config.Config) (*explainer, error) {
	opened, err := openSides(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	x := &explainer{config: c, sides: opened, settle: c.Compare.Settle}
	for _, f := range c.Compare.Fields {
		x.oracle.Fields = append(x.oracle.Fields, f.Field)
	}
	return x, nil
}

// look reads the rows first and the history last, so that no row is newer than the history it is judged by.
func (x *explainer) look(ctx context.Context, key order.Key) (l look, err error) {
	var history *source.HistoryConfig
	if h := x.config.History; h.Given() {
		history = &source.HistoryConfig{AuditLog: h.AuditLog, Trades: h.Trades}
	}
	if l.legacy, err = x.sides.legacy.Record(ctx, key, history); err != nil {
		return l, err
	}
	if l.projection, err = x.sides.projection.Record(ctx, key, nil); err != nil {
		return l, err
	}
	l.at, l.reached = time.Now(), l.projection.Reached
	if x.sides.events != nil {
		histories, err := x.sides.events.Histories(ctx, []order.Key{key})
		if err != nil {
			return l, err
		}
		l.events = histories[key]
	}
	l.observation = compare.Observe(x.oracle.Fields, key, l.legacy.Rows, l.projection.Rows, l.at, l.reached)
	l.diagnosis = x.diagnose(l)
	return l, nil
}

func (x *explainer) diagnose(l look) compare.Diagnosis {
	if x.sides.events == nil {
		return withoutEvents(l.observation)
	}
	return x.oracle.Diagnose(compare.Evidence{
		Events: l.events, Legacy: l.legacy.Rows, Projection: l.projection.Rows, History: l.legacy.History,
		Overtaken: l.overtaken(),
	})
}

// overtaken is true where the projection shows changes of other orders that are later than all that happened to this one,
// and not by a moment: what bears an earlier time may have been committed later.
func (l look) overtaken() bool {
	newest := l.newest()
	return !newest.IsZero() && l.reached.Sub(newest) >= compare.CommitTime
}

// newest is the time of the last thing that is known to have happened to the order; zero if none is.
func (l look) newest() time.Time {
	newest := l.observation.LegacyChangedAt
	if n := len(l.events); n > 0 && l.events[n-1].At.After(newest) {
		newest = l.events[n-1].At
	}
	return newest
}

// withoutEvents is what two representations tell.
func withoutEvents(o compare.Observation) compare.Diagnosis {
	if o.Mismatch == nil {
		return compare.Diagnosis{Verdict: compare.Match}
	}
	return compare.Diagnosis{
		Verdict: compare.Lagging, Hop: o.Mismatch.Hop,
		Reason: "legacy and projection differ; without events nothing tells at which hop",
	}
}

// settled waits until what may be lag has proven to be more. An order to which nothing has happened for a settle
// window by its own times has waited long enough.
func (x *explainer) settled(ctx context.Context, key order.Key, was look, notes io.Writer) (look, compare.Verdict, error) {
	if was.diagnosis.Verdict != compare.Lagging {
		return was, was.diagnosis.Verdict, nil
	}
	if newest := was.newest(); !newest.IsZero() && was.at.Sub(newest) >= x.settle.Window {
		return was, x.judge(since(was.observation, newest), was, newest), nil
	}
	if err := x.pause(ctx, key, notes); err != nil {
		return was, compare.Unverified, err
	}
	is, err := x.look(ctx, key)
	if err != nil {
		return is, compare.Unverified, err
	}
	if is.diagnosis.Verdict != compare.Lagging {
		return is, is.diagnosis.Verdict, nil
	}
	return is, x.judge(was.observation, is, was.at), nil
}

// pause waits for a settle window, and says so.
func (x *explainer) pause(ctx context.Context, key order.Key, notes io.Writer) error {
	_, _ = fmt.Fprintf(notes, "crosscheck: order %s may still be on its way; looking again in %s\n", shown(string(key)), x.settle.Window)
	return lease.Sleep(ctx, x.settle.Window)
}

func since(o compare.Observation, at time.Time) compare.Observation {
	o.At = at
	return o
}

// judge decides by patience. A difference that legacy and projection do not show, an event that was lost behind both
// for one, is judged by rest alone.
func (x *explainer) judge(was compare.Observation, is look, firstSeen time.Time) compare.Verdict {
	if is.observation.Mismatch == nil {
		if was.LegacyState == is.observation.LegacyState && was.ProjectionState == is.observation.ProjectionState {
			return compare.Diverged
		}
		return compare.Lagging
	}
	return x.settle.Judge(was, is.observation, 0, firstSeen).Verdict
}

// nextStep is where to go from here.
func nextStep(d compare.Diagnosis) string {
	if d.Cause == "" {
		return ""
	}
	return "docs/causes/" + string(d.Cause) + ".md says how to confirm and how to repair it"
}
