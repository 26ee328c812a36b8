package explain_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/corpustest"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// TestEveryCheckSaysTheSameOfAnOrder has each order of the corpus of judgements looked at by every check that can see it.
// Each must reach the verdict, hop and cause that the corpus has, once the settle window is over.
func TestEveryCheckSaysTheSameOfAnOrder(t *testing.T) {
	judged := map[string]int{}
	for _, c := range corpusOrders(t) {
		for name, check := range map[string]func(*world) string{"sample": (*world).sample, "full": (*world).full, "stream": (*world).watch, "explain": (*world).explain} {
			w := newWorld(t, c)
			if name == "sample" && len(c.evidence.Legacy)+len(c.evidence.Projection) == 0 || w == nil {
				continue // a sample draws rows
			}
			judged[name]++
			if got := check(w); got != c.want {
				t.Errorf("%s: %s says %q, want %q", c.name, name, got, c.want)
			}
		}
	}
	for name, n := range judged {
		if n < 500 {
			t.Errorf("%s was asked about %d orders only", name, n)
		}
	}
}

// settle is the patience of all checks.
var settle = compare.Settle{Window: 30 * time.Second, Rechecks: 3, MaxLag: 5 * time.Minute}

// world is one order of the corpus in all representations, beside some on which all agree.
type world struct {
	*verify.Comparison
	t      *testing.T
	now    time.Time
	ledger *ledgertest.Fake
}

const key = corpustest.Key

// others are orders on which all representations agree.
var others = []order.Key{"41", "43", "44"}

// newWorld is nil for evidence that no system shows: a shadow writer is silent since legacy last wrote the order, and
// nothing tells when that was.
func newWorld(t *testing.T, c corpusOrder) *world {
	t.Helper()
	e := c.evidence
	w := &world{t: t, now: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.ledger = ledgertest.New(func() time.Time { return w.now })
	events := &store{histories: map[order.Key][]order.Event{key: e.Events}, newest: w.now}
	legacy := &side{reached: e.ProjectionReached}
	if e.Silent {
		written := false
		for _, row := range e.Legacy {
			written = written || !row.ChangedAt.IsZero()
		}
		if !written {
			return nil
		}
		events.newest = time.Time{}
		for _, other := range others {
			legacy.changes = append(legacy.changes, verify.Change{Key: other, At: w.now})
		}
	}
	for i, other := range others {
		events.histories[other] = []order.Event{ordertest.Event(order.Position(1_000_000+i), other, w.now, ordertest.Created{Symbol: "NVDA"})}
	}
	legacy.Fake = table(order.Legacy, c.fields, append(events.rows(c.fields, others...), e.Legacy...))
	projection := &side{Fake: table(order.Projection, c.fields, append(events.rows(c.fields, others...), e.Projection...)), reached: e.ProjectionReached}
	var fields []order.Field
	for _, f := range c.fields {
		if order.Defaults().Judges(f) {
			fields = append(fields, f)
		}
	}
	w.Comparison = &verify.Comparison{
		Legacy: legacy, Projection: projection, Fields: c.fields, Settle: settle,
		Events: events, Records: records{e.History},
		Folded: &verify.Folded{
			Legacy: table(order.Legacy, fields, append(events.rows(fields, others...), narrow(c.fields, e.Legacy)...)),
			Events: table(order.Events, fields, events.rows(fields, append(others, key)...)),
			Fields: fields,
		},
		Ledger: w.ledger, Random: rand.New(rand.NewPCG(1, 2)), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return w.now },
		Wait: func(ctx context.Context, d time.Duration) error {
			w.now = w.now.Add(d)
			return ctx.Err()
		},
	}
	return w
}

func table(is order.Representation, fields []order.Field, rows []order.Row) *sourcetest.Fake {
	return sourcetest.New(is, sourcetest.Table{KeyType: order.KeyInteger, Fields: fields, Indexed: true, Rows: rows})
}

// narrow leaves only the values of judged fields.
func narrow(fields []order.Field, rows []order.Row) (out []order.Row) {
	for _, row := range rows {
		kept := order.Row{Key: row.Key, ChangedAt: row.ChangedAt}
		for i, f := range fields {
			if order.Defaults().Judges(f) {
				kept.Values = append(kept.Values, row.Values[i])
			}
		}
		out = append(out, kept)
	}
	return out
}

func (w *world) sample() string { return w.pass("sample") }
func (w *world) full() string   { return w.pass("full") }
func (w *world) watch() string  { return w.pass("stream") }

// pass is what a pass finds of the order.
func (w *world) pass(kind string) string {
	w.t.Helper()
	ctx := w.t.Context()
	held, err := w.ledger.Acquire(ctx, "job", "me", 24*time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	var pass verify.Pass
	start := verify.Start{Trigger: "manual", At: w.now}
	switch kind {
	case "sample":
		pass, err = w.Sample(ctx, held, start, 10)
	case "full":
		pass, err = w.Full(ctx, held, start)
	default:
		pass, err = w.Watch(ctx, held, start, verify.Watching{Changed: &marked{keys: []order.Key{key}}, Every: time.Second, Length: time.Minute})
	}
	if err != nil {
		return err.Error()
	}
	open, err := w.ledger.Divergences(ctx, verify.Open, 10)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(open) == 0 {
		return said(pass.Result.Verdict, "", "")
	}
	slices.SortFunc(open, func(a, b verify.Divergence) int {
		return slices.Index(order.Hops(), a.Mismatch.Hop) - slices.Index(order.Hops(), b.Mismatch.Hop)
	})
	out := ""
	for i, d := range open {
		if d.Mismatch.Key != key {
			w.t.Errorf("%s accuses an order on which all agree: %+v", kind, d)
		}
		if i == 0 {
			out = said(pass.Result.Verdict, d.Mismatch.Hop, d.Mismatch.Cause)
		} else {
			out += further(d.Mismatch.Hop, d.Mismatch.Cause)
		}
	}
	return out
}

func (w *world) explain() string {
	w.t.Helper()
	r, err := (&explain.Explainer{Comparison: w.Comparison}).Explain(w.t.Context(), key)
	if errors.Is(err, explain.ErrNoSuchOrder) {
		return said(compare.Match, "", "")
	}
	if err != nil {
		return err.Error()
	}
	out := said(r.Verdict, r.Hop, r.Cause)
	for _, f := range r.Further {
		if f.Verdict != compare.Diverged {
			w.t.Errorf("explain says that %s is %s", f.Hop, f.Verdict)
		}
		out += further(f.Hop, f.Cause)
	}
	return out
}

func said(v compare.Verdict, hop order.Hop, cause compare.Cause) string {
	return fmt.Sprintf("%s %s %s", v, hop, cause)
}

func further(hop order.Hop, cause compare.Cause) string { return fmt.Sprintf(" and %s %s", hop, cause) }

// side says of all its orders what the evidence says of them.
type side struct {
	*sourcetest.Fake

	reached time.Time
	changes []verify.Change
}

func (s *side) Begin(ctx context.Context) (verify.Snapshot, error) {
	n, err := s.Fake.Begin(ctx)
	return snapshot{n, s}, err
}

type snapshot struct {
	verify.Snapshot

	side *side
}

func (n snapshot) NewestChange(context.Context) (time.Time, error) { return n.side.reached, nil }

func (n snapshot) Changed(context.Context, int) ([]verify.Change, error) { return n.side.changes, nil }

// store is an event store in memory.
type store struct {
	histories map[order.Key][]order.Event
	newest    time.Time
}

func (s *store) Histories(_ context.Context, keys []order.Key) (map[order.Key][]order.Event, error) {
	out := map[order.Key][]order.Event{}
	for _, k := range keys {
		if events := s.histories[k]; len(events) > 0 {
			out[k] = events
		}
	}
	return out, nil
}

func (s *store) Newest(context.Context) (time.Time, error) { return s.newest, nil }

// rows are orders as their events make them.
func (s *store) rows(fields []order.Field, keys ...order.Key) (out []order.Row) {
	for _, k := range keys {
		state, _ := order.Fold(s.histories[k])
		if len(s.histories[k]) == 0 {
			continue
		}
		row := order.Row{Key: k, Flawed: state.Flawed() || !state.Exists()}
		for _, f := range fields {
			v, _ := state.Value(f.Name)
			row.Values = append(row.Values, v)
		}
		out = append(out, row)
	}
	return out
}

// records are legacy's own; nil could not be read.
type records struct{ history *history.Record }

func (r records) Records(_ context.Context, keys []order.Key) (map[order.Key]history.Record, error) {
	out := map[order.Key]history.Record{}
	for _, k := range keys {
		if k == key && r.history != nil {
			out[k] = *r.history
		}
	}
	return out, nil
}

// marked are the orders that the stream has marked.
type marked struct{ keys []order.Key }

func (m *marked) MarkChanged(context.Context, lease.Lease, string, []order.Key, time.Time) (bool, error) {
	return true, nil
}

func (m *marked) ChangedAfter(_ context.Context, _ string, after int64, _ int) ([]order.Key, int64, error) {
	return m.keys[after:], int64(len(m.keys)), nil
}

func (m *marked) ForgetChanged(context.Context, lease.Lease, string, int64, time.Time) error {
	return nil
}
