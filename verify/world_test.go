package verify_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// world is two sides in memory, a ledger in memory, and a clock that only waiting moves.
type world struct {
	mu sync.Mutex // of now and waits, while a pass runs
	*verify.Comparison
	t                  *testing.T
	legacy, projection *sourcetest.Fake
	store              *ledgertest.Fake
	now                time.Time
	waits              int
	meanwhile          func(wait int) // called at each wait, from 1 on; may be nil
	lease              lease.Lease
}

var fields = []order.Field{{Name: "status", Type: order.Text}, {Name: "filled", Type: order.Numeric}}

// row is an order of which nobody knows when it was written.
func row(key int64, status, filled string) order.Row {
	return order.Row{Key: order.Key(strconv.FormatInt(key, 10)), Values: []order.Value{{Text: status}, {Text: filled}}}
}

// dense is n orders with keys from 1 on.
func dense(n int) []order.Row {
	var out []order.Row
	for i := range n {
		out = append(out, row(int64(i+1), "OPEN", strconv.Itoa(i)))
	}
	return out
}

func table(rows []order.Row) sourcetest.Table {
	return sourcetest.Table{KeyType: order.KeyInteger, Fields: fields, Indexed: true, Rows: rows}
}

func newWorld(t *testing.T, legacy, projection []order.Row) *world {
	return worldOf(t, table(legacy), table(projection))
}

func worldOf(t *testing.T, legacy, projection sourcetest.Table) *world {
	t.Helper()
	w := &world{
		t: t, legacy: sourcetest.New(order.Legacy, legacy), projection: sourcetest.New(order.Projection, projection),
		now: time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC),
	}
	w.store = ledgertest.New(w.clock)
	w.Comparison = &verify.Comparison{
		Legacy: w.legacy, Projection: w.projection, Fields: fields,
		Settle: compare.Settle{Window: 30 * time.Second, Rechecks: 3, MaxLag: 5 * time.Minute},
		Ledger: w.store, Random: rand.New(rand.NewPCG(1, 2)),
		Now: w.clock, Wait: w.wait,
		Log: slog.New(slog.DiscardHandler),
	}
	w.lease = w.acquire()
	return w
}

// clock is what the time is; both sides of a pass may ask and wait at once.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) wait(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	if w.waits++; w.waits > 1000 {
		w.t.Error("waits for ever")
		w.mu.Unlock()
		return context.DeadlineExceeded
	}
	w.now = w.now.Add(d)
	w.mu.Unlock()
	if w.meanwhile != nil {
		w.meanwhile(w.waits)
	}
	return ctx.Err()
}

func (w *world) acquire() lease.Lease {
	w.t.Helper()
	held, err := w.store.Acquire(w.t.Context(), "job", "me", 24*time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return held
}

func (w *world) start() verify.Start { return verify.Start{Trigger: "manual", At: w.now} }

func (w *world) full(ctx context.Context) (verify.Pass, error) {
	return w.Full(ctx, w.lease, w.start())
}

func (w *world) sample(ctx context.Context, size int) (verify.Pass, error) {
	return w.Sample(ctx, w.lease, w.start(), size)
}

// must is a pass that met no error.
func (w *world) must(pass verify.Pass, err error) verify.Pass {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return pass
}

// stored is the pass as the ledger has it.
func (w *world) stored(id verify.PassID) verify.Pass {
	w.t.Helper()
	passes, err := w.store.Passes(context.WithoutCancel(w.t.Context()), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range passes {
		if p.ID == id {
			return p
		}
	}
	w.t.Fatalf("the ledger has no pass %d", id)
	return verify.Pass{}
}

// open lists the open divergences as "key kind fields".
func (w *world) open() string {
	w.t.Helper()
	found, err := w.store.Divergences(w.t.Context(), verify.Open, 1_000_000)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, d := range found {
		text := fmt.Sprintf("%s %s", d.Mismatch.Key, d.Mismatch.Kind)
		for _, f := range d.Mismatch.Fields {
			text += " " + f.Name
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
