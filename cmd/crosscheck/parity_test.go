package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/follow/followtest"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/topic"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// TestEveryCheckSaysTheSameOfEveryFault plants all faults of the lab in one live system, but not those of a backfill, which
// publishes nothing. Every check that looks at a fault's hop (docs/guarantees.md has which does) must name the hop and cause that
// the lab gives for it.
func TestEveryCheckSaysTheSameOfEveryFault(t *testing.T) {
	t.Parallel()
	p := newParity(t)
	p.ofOrders()
	p.ofGrammar()
	for _, name := range []string{"stopped_projector", "stopped_shadow_writer"} {
		p.ofStopped(name)
	}
	p.ofRetention()
	for _, fault := range lab.AllFaults() {
		if !p.planted[fault.Name] && !fault.Backfill {
			t.Errorf("%s was not planted", fault.Name)
		}
	}
}

// parity is a live system with a topic, and all checks on it.
type parity struct {
	*system
	topic   *lab.Kafka
	config  *config.Config
	planted map[string]bool
	stream  *followtest.Fake // what the follower has found
	held    lease.Lease
}

// causes are hop and cause, as a check names them, by order.
type causes map[string]string

func newParity(t *testing.T) *parity {
	t.Helper()
	b := newBroker(t, broker.Options{})
	topic := newTopic(t, b.Brokers())
	s := newSystem(t, lab.Options{
		History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh, Publisher: topic, PublishHistory: 1_000_000,
	})
	file := s.config("parity", labWindow, s.eventSections(), fmt.Sprintf("stream: {brokers: [%q], topic: orders}", b.Brokers()[0]))
	shortenMaxLag(t, file)
	c, err := config.Load(file, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	p := &parity{system: s, topic: topic, config: c, planted: map[string]bool{}, stream: followtest.New()}
	if p.held, err = p.stream.Acquire(t.Context(), "stream", "test", time.Hour); err != nil {
		t.Fatal(err)
	}
	s.live()
	return p
}

// ofOrders plants all faults of single orders.
func (p *parity) ofOrders() {
	p.t.Helper()
	stop := p.follow()
	rows, streamed := causes{}, causes{}
	for _, fault := range lab.AllFaults() {
		if strings.HasPrefix(fault.Name, "stopped_") || fault.Name == "retention_gap" || fault.Backfill {
			continue
		}
		for _, planted := range p.plant(fault.Name, 1) {
			id, want := strconv.FormatInt(planted.OrderID, 10), planted.Hop+" "+planted.Cause
			if planted.Hop == lab.EventsToStream {
				streamed[id] = want
			} else {
				rows[id] = want
			}
		}
	}
	for name, got := range p.passes(slices.Sorted(maps.Keys(rows))) {
		p.same(name, rows, got)
	}
	p.same("explain", rows, p.explained(rows))
	p.same("explain of the stream", streamed, p.explained(streamed))
	p.same("follower", streamed, p.followed(streamed))
	stop()
	p.repair()
}

// ofStopped stops a part of the system. What full verification finds then is what the others have to say of the same orders.
func (p *parity) ofStopped(name string) {
	p.t.Helper()
	fault := p.plant(name, 5)[0]
	if err := p.StopDesk(); err != nil {
		p.t.Fatal(err)
	}
	found := p.passes(nil)
	want := causes{}
	for id := range found["full"] {
		want[id] = fault.Hop + " " + fault.Cause
	}
	if len(want) < 5 {
		p.t.Errorf("full verification found %d orders behind %s", len(want), name)
	}
	for check, got := range found {
		p.same(name+" by "+check, want, got)
	}
	few := causes{}
	for _, id := range slices.Sorted(maps.Keys(want))[:min(5, len(want))] {
		few[id] = want[id]
	}
	p.same(name+" by explain", few, p.explained(few))
	p.repair()
	p.StartDesk()
}

// ofRetention deletes messages while nobody reads. No order is accused, so the follower alone looks.
func (p *parity) ofRetention() {
	p.t.Helper()
	fault := p.plant("retention_gap", 1)[0]
	defer p.follow()()
	want := causes{"": fault.Hop + " " + fault.Cause}
	p.same("follower", want, p.followed(want))
}

func (p *parity) plant(fault string, n int) []lab.Planted {
	p.t.Helper()
	planted, err := p.Plant(deadline(p.t), fault, n)
	if err != nil {
		p.t.Fatal(err)
	}
	p.planted[fault] = true
	return planted
}

func (p *parity) repair() {
	p.t.Helper()
	if err := p.Repair(deadline(p.t)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *parity) same(check string, want, got causes) {
	p.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("the lab (-) and %s (+) say:\n%s", check, diff)
	}
}

// passes runs a pass of each kind at once, each with a ledger of its own, and returns what each has found: of the orders asked
// for, or of all for nil.
func (p *parity) passes(asked []string) map[string]causes {
	p.t.Helper()
	const all = 100_000
	changed := &changedOrders{}
	for _, id := range asked {
		changed.keys = append(changed.keys, order.Key(id))
	}
	found := make([]causes, 3)
	var g errgroup.Group
	for i, run := range []func(context.Context, *verify.Comparison, lease.Lease, verify.Start) (verify.Pass, error){
		func(ctx context.Context, c *verify.Comparison, l lease.Lease, s verify.Start) (verify.Pass, error) {
			return c.Full(ctx, l, s)
		},
		func(ctx context.Context, c *verify.Comparison, l lease.Lease, s verify.Start) (verify.Pass, error) {
			return c.Sample(ctx, l, s, all)
		},
		func(ctx context.Context, c *verify.Comparison, l lease.Lease, s verify.Start) (verify.Pass, error) {
			return c.Watch(ctx, l, s, verify.Watching{Changed: changed, Every: time.Second, Length: labWindow})
		},
	} {
		g.Go(func() (err error) {
			found[i], err = p.pass(run, asked)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		p.t.Fatal(err)
	}
	return map[string]causes{"full": found[0], "sample": found[1], "stream": found[2]}
}

func (p *parity) pass(run func(context.Context, *verify.Comparison, lease.Lease, verify.Start) (verify.Pass, error), asked []string) (causes, error) {
	ctx := deadline(p.t)
	c, s, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	own := ledgertest.New(time.Now)
	c.Ledger = own
	held, err := own.Acquire(ctx, "job", "test", time.Hour)
	if err != nil {
		return nil, err
	}
	if _, err := run(ctx, c, held, verify.Start{Trigger: "manual", At: time.Now()}); err != nil {
		return nil, err
	}
	open, err := own.Divergences(ctx, verify.Open, 100_000)
	if err != nil {
		return nil, err
	}
	found := causes{}
	for _, d := range open {
		if id := string(d.Mismatch.Key); asked == nil || slices.Contains(asked, id) {
			found.add(id, d.Mismatch.Hop, d.Mismatch.Cause)
		}
	}
	return found, nil
}

// add names one more hop of an order.
func (c causes) add(id string, hop order.Hop, cause compare.Cause) {
	all := append(strings.FieldsFunc(c[id], func(r rune) bool { return r == ';' }), string(hop)+" "+string(cause))
	slices.Sort(all)
	c[id] = strings.Join(all, ";")
}

// open opens the sides as every command does.
func (p *parity) open(ctx context.Context) (*verify.Comparison, sides, error) {
	s, err := openSides(ctx, p.config, nil)
	if err != nil {
		return nil, s, err
	}
	if err := s.openFolded(ctx, p.config, nil); err != nil {
		s.close()
		return nil, s, err
	}
	return comparison(p.config, s, nil, slog.New(slog.DiscardHandler)), s, nil
}

// explained is what explain says of the orders, without the follower's help.
func (p *parity) explained(of causes) causes {
	p.t.Helper()
	got := causes{}
	for id, r := range p.reports(of) {
		got.add(id, r.Hop, r.Cause)
		for _, other := range r.Further {
			got.add(id, other.Hop, other.Cause)
		}
		if r.Verdict != compare.Diverged {
			got[id] = string(r.Verdict) + ": " + r.Reason
		}
	}
	return got
}

func (p *parity) reports(of causes) map[string]explain.Report {
	p.t.Helper()
	ctx := deadline(p.t)
	c, s, err := p.open(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.close()
	x := explain.Explainer{Comparison: c, Stream: &explain.Stream{
		Open: func(ctx context.Context) (explain.Topic, error) {
			return openOrderReader(ctx, p.config, s, new(error))
		},
		Found: func(context.Context, order.Key) ([]verify.Divergence, error) { return nil, nil },
	}}
	got := map[string]explain.Report{}
	for id := range of {
		r, err := x.Explain(ctx, order.Key(id))
		if err != nil {
			p.t.Fatal(err)
		}
		got[id] = r
	}
	return got
}

// follow lets the follower read the topic until the function is called that it returns.
func (p *parity) follow() (stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	_, s, err := p.open(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(p.t.Output(), nil))
	stream, err := topic.Open(ctx, topicConfig(p.config.Stream, nil, log))
	if err != nil {
		p.t.Fatal(err)
	}
	rules, err := p.config.MessageRules()
	if err != nil {
		p.t.Fatal(err)
	}
	f := &follow.Follower{
		Stream: stream, Store: s.events, Ledger: p.stream, Topic: p.config.Stream.Topic, Rules: rules, KeyType: s.legacy.KeyType(), IDType: s.events.IDType(),
		Window: p.config.Compare.Settle.Window, MaxLag: p.config.Compare.Settle.MaxLag, Now: time.Now, Log: log,
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx, p.held) }()
	return func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			p.t.Errorf("the follower ended: %v", err)
		}
		s.close()
	}
}

// followed waits until the follower has found all of what is wanted, and returns what it has found of these orders. What is of the
// topic as a whole counts for each order that is wanted, and for none at all.
func (p *parity) followed(want causes) causes {
	p.t.Helper()
	ctx := deadline(p.t)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		open, err := p.stream.Divergences(ctx, verify.Open, 100_000)
		if err != nil {
			p.t.Fatal(err)
		}
		got := causes{}
		for _, d := range open {
			says := string(d.Mismatch.Hop) + " " + string(d.Mismatch.Cause)
			for id, wanted := range want {
				if string(d.Mismatch.Key) == id || strings.HasPrefix(string(d.Mismatch.Key), "(topic") && says == wanted {
					got[id] = says
				}
			}
		}
		if maps.Equal(got, want) {
			return got
		}
		select {
		case <-ctx.Done():
			return got
		case <-tick.C:
		}
	}
}

// changedOrders are the marks of the stream's pass, in memory.
type changedOrders struct{ keys []order.Key }

func (c *changedOrders) MarkChanged(_ context.Context, _ lease.Lease, _ string, keys []order.Key, _ time.Time) (bool, error) {
	c.keys = append(c.keys, keys...)
	return true, nil
}

func (c *changedOrders) ChangedAfter(_ context.Context, _ string, after int64, limit int) ([]order.Key, int64, error) {
	keys := c.keys[after:]
	keys = keys[:min(limit, len(keys))]
	return keys, after + int64(len(keys)), nil
}

func (c *changedOrders) ForgetChanged(context.Context, lease.Lease, string, int64, time.Time) error {
	return nil
}
