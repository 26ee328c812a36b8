package verify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

var errAway = errors.New("database is away")

// failing makes every read of that name fail from the n-th on, and counts the failures.
func failing(f *sourcetest.Fake, read string, n int, failed *int) {
	f.Before = func(name string) error {
		if name != read {
			return nil
		}
		if n--; n < 0 {
			*failed++
			return errAway
		}
		return nil
	}
}

// TestNoErrorReadsAsMatch breaks each read of either side, early and late, in passes over sides that agree and sides
// that do not.
func TestNoErrorReadsAsMatch(t *testing.T) {
	reads := []string{"begin", "probe", "extent", "bounds", "digests", "scan", "row", "rows", "draw", "changed", "reached"}
	sparse := []order.Row{row(-1<<62, "OPEN", "1"), row(0, "OPEN", "2"), row(1<<62, "OPEN", "3")}
	differing := dense(400)
	differing[7].Values[0].Text, differing[200].Values[1].Text = "FILLED", "-1"
	worlds := []func(*testing.T) *world{
		func(t *testing.T) *world { return newWorld(t, dense(400), dense(400)) },
		func(t *testing.T) *world { return newWorld(t, dense(400), differing) },
		func(t *testing.T) *world { return newWorld(t, sparse, sparse) },
	}
	passes := map[string]func(*world) (verify.Pass, error){
		"full":   func(w *world) (verify.Pass, error) { return w.full(w.t.Context()) },
		"sample": func(w *world) (verify.Pass, error) { return w.sample(w.t.Context(), 50) },
	}
	broken := map[string]int{}
	for _, read := range reads {
		for _, after := range []int{0, 1, 2, 100} {
			for side := range 2 {
				for i, build := range worlds {
					for name, run := range passes {
						t.Run(fmt.Sprintf("%s %d of side %d, world %d, %s", read, after, side, i, name), func(t *testing.T) {
							w := build(t)
							failed := 0
							failing([]*sourcetest.Fake{w.legacy, w.projection}[side], read, after, &failed)
							pass, err := run(w)
							if failed == 0 {
								return
							}
							broken[read]++
							w.brokenOff(pass, err)
						})
					}
				}
			}
		}
	}
	for _, read := range reads {
		if broken[read] == 0 {
			t.Errorf("no pass met an error of %s", read)
		}
	}
}

func (w *world) brokenOff(pass verify.Pass, err error) {
	w.t.Helper()
	stored := w.stored(pass.ID)
	if !errors.Is(err, errAway) || stored.State != verify.Done || stored.Result.Verdict != compare.Unverified {
		w.t.Errorf("pass ended %s, %+v: %v", stored.State, stored.Result, err)
	}
	if !strings.Contains(stored.Result.Reason, errAway.Error()) {
		w.t.Errorf("the reason is %q", stored.Result.Reason)
	}
	if w.waits == 0 && stored.Scan.Coverage >= 1 {
		w.t.Errorf("coverage is %v", stored.Scan.Coverage)
	}
	if open := w.open(); open != "" {
		w.t.Errorf("divergences without a second look: %s", open)
	}
}

func TestRecheckOutlivesALostDatabase(t *testing.T) {
	w := newWorld(t, dense(10), dense(9))
	failed := 0
	w.meanwhile = func(wait int) {
		switch wait {
		case 1:
			failing(w.projection, "begin", 0, &failed)
		case 3:
			w.projection.Before = nil
		}
	}
	pass := w.must(w.full(t.Context()))
	if failed != 2 || pass.Result.Verdict != compare.Diverged || w.open() != "10 missing" {
		t.Errorf("after %d failures: %+v, open %s", failed, pass.Result, w.open())
	}
}

func TestALostLedgerIsNoMatch(t *testing.T) {
	w := newWorld(t, dense(10), dense(9))
	w.meanwhile = func(int) { w.store.Fail(errAway) }
	pass, err := w.full(t.Context())
	w.store.Fail(nil)
	if !errors.Is(err, errAway) || pass.Result.Verdict == compare.Match {
		t.Errorf("ended %+v, %v", pass.Result, err)
	}
	if stored := w.stored(pass.ID); stored.State == verify.Done && stored.Result.Verdict == compare.Match {
		t.Errorf("the ledger has %+v", stored)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	changed := dense(300)
	for i := range changed {
		changed[i].Values[0].Text = "FILLED"
	}
	uuids := table(nil)
	uuids.KeyType = order.KeyUUID
	for _, test := range []struct {
		name   string
		world  func(*testing.T) *world
		want   error
		reason string
	}{
		{"digests that are blind", func(t *testing.T) *world {
			w := newWorld(t, dense(300), changed)
			w.legacy.Blind, w.projection.Blind = true, true
			return w
		}, verify.ErrDigestBlind, "digests are equal"},
		{"digests that are blind, of text keys", func(t *testing.T) *world {
			legacy, projection := table(dense(300)), table(changed)
			legacy.KeyType, projection.KeyType = order.KeyText, order.KeyText
			w := worldOf(t, legacy, projection)
			w.legacy.Blind, w.projection.Blind = true, true
			return w
		}, verify.ErrDigestBlind, "digests are equal"},
		{"keys out of order", func(t *testing.T) *world {
			w := newWorld(t, dense(300), changed)
			w.projection.Unsorted = true
			return w
		}, nil, "out of order"},
		{"a row that differs and is in no index", func(t *testing.T) *world { return unread(t, 100) }, nil, "99 and 99 read, 100 and 100 counted"},
		{"a row that differs and is in no index, where digests are refined", func(t *testing.T) *world {
			return unread(t, 300)
		}, nil, "299 and 299 read, 300 and 300 counted"},
		{"a row that one side does not read", func(t *testing.T) *world {
			w := unread(t, 100)
			w.legacy.Lost = nil
			return w
		}, nil, "100 and 99 read, 100 and 100 counted"},
		{"servers that hash nothing alike", func(t *testing.T) *world {
			w := newWorld(t, dense(3), dense(3))
			w.legacy.Native, w.legacy.Portable = 1, 1
			return w
		}, verify.ErrNoHash, "differently"},
		{"keys of two types", func(t *testing.T) *world { return worldOf(t, table(dense(3)), uuids) }, verify.ErrKeyTypes, "different types"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := test.world(t)
			pass, err := w.full(t.Context())
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("error is %v", err)
			}
			if stored := w.stored(pass.ID); stored.Result.Verdict != compare.Unverified || stored.Scan.Coverage >= 1 {
				t.Errorf("the ledger has %+v", stored)
			}
			if w.open() != "" {
				t.Errorf("open are %s", w.open())
			}
		})
	}
}

// unread is a world in which one order differs, and is read only with the whole table. The others agree.
func unread(t *testing.T, orders int) *world {
	t.Helper()
	changed := dense(orders)
	changed[40].Values[0].Text = "FILLED"
	w := newWorld(t, dense(orders), changed)
	w.legacy.Lost, w.projection.Lost = []order.Key{changed[40].Key}, []order.Key{changed[40].Key}
	return w
}

// TestAStreamThatEndsEarlyAccusesNobody: what one side could not say is neither missing nor phantom.
func TestAStreamThatEndsEarlyAccusesNobody(t *testing.T) {
	changed := dense(300)
	for i := range changed {
		changed[i].Values[0].Text = "FILLED"
	}
	for range 20 { // which goroutine comes first is chance
		w := newWorld(t, dense(300), changed)
		failing(w.legacy, "row", 20, new(int))
		if pass, err := w.full(t.Context()); !errors.Is(err, errAway) || pass.Scan.Mismatches > 20 {
			t.Errorf("%d suspects, %v", pass.Scan.Mismatches, err)
		}
	}
}

func TestServersOfDifferentVersionsUseThePortableHash(t *testing.T) {
	w := newWorld(t, dense(300), dense(299))
	w.legacy.Native = 1
	if pass := w.must(w.full(t.Context())); pass.Result.Verdict != compare.Diverged || w.open() != "300 missing" ||
		!pass.Scan.Facts.(verify.FullFacts).Portable {
		t.Errorf("ended %+v, open %s", pass.Result, w.open())
	}
}

func TestAPassToldToStopDuringItsScanEndsUnverified(t *testing.T) {
	for name, run := range map[string]func(*world, context.Context) (verify.Pass, error){
		"full":   (*world).full,
		"sample": func(w *world, ctx context.Context) (verify.Pass, error) { return w.sample(ctx, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dense(300), dense(299))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.legacy.Before = func(read string) error {
				if read == "rows" || read == "scan" {
					cancel()
				}
				return nil
			}
			pass, err := run(w, ctx)
			stored := w.stored(pass.ID)
			if !errors.Is(err, context.Canceled) || stored.State != verify.Done || stored.Result.Verdict != compare.Unverified || stored.Scan.Coverage >= 1 {
				t.Errorf("ended %+v, %v", stored, err)
			}
		})
	}
}

func TestAPassToldToStopWhileSettlingIsResumed(t *testing.T) {
	w := newWorld(t, dense(300), dense(299))
	ctx, cancel := context.WithCancel(t.Context())
	w.meanwhile = func(int) { cancel() }
	pass, err := w.full(ctx)
	if stored := w.stored(pass.ID); !errors.Is(err, context.Canceled) || stored.State != verify.Settling {
		t.Fatalf("left %+v, %v", stored, err)
	}
	w.meanwhile = nil
	w.now = w.now.Add(25 * time.Hour) // the lease has run out, and another process comes
	w.lease = w.acquire()
	if err := w.store.Adopt(t.Context(), w.lease, pass.ID); err != nil {
		t.Fatal(err)
	}
	done := w.must(w.Resume(t.Context(), w.lease, w.stored(pass.ID)))
	if done.Result.Verdict != compare.Diverged || done.State != verify.Done || w.open() != "300 missing" || done.Scan.Compared != 300 {
		t.Errorf("ended %+v, open %s", done, w.open())
	}
}

func TestAPassThatLostItsLeaseWritesNothing(t *testing.T) {
	w := newWorld(t, dense(300), dense(299))
	w.meanwhile = func(wait int) {
		if wait == 1 {
			w.now = w.now.Add(25 * time.Hour)
			w.acquire()
		}
	}
	pass, err := w.full(t.Context())
	if stored := w.stored(pass.ID); !errors.Is(err, lease.ErrFenced) || stored.State != verify.Settling || pass.State != verify.Settling || w.open() != "" {
		t.Errorf("left %+v, %v, open %s", stored, err, w.open())
	}
}
