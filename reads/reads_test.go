package reads_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/reads"
	"github.com/nordvarg/crosscheck/verify"
)

// world is both read paths with a clock.
type world struct {
	mu         sync.Mutex
	now        time.Time
	legacy     func(key string, at time.Duration, ask int) (string, error)
	projection func(key string, at time.Duration, ask int) (string, error)
	asked      map[string]int
	stored     []verify.Scan
	result     verify.Result
}

var began = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

type path struct {
	w      *world
	t      *testing.T
	name   string
	answer func(key string, at time.Duration, ask int) (string, error)
}

func (p path) Ask(_ context.Context, params []string) (reads.Answer, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	id := p.name + params[0]
	p.w.asked[id]++
	text, err := p.answer(params[0], p.w.now.Sub(began), p.w.asked[id])
	if err != nil {
		return reads.Answer{}, err
	}
	a := inJSON(p.t, text)
	a.Took = time.Millisecond
	return a, nil
}

func (w *world) Pair() verify.PairID { return "main" }

func (w *world) BeginPass(context.Context, lease.Lease, verify.Start) (verify.PassID, error) {
	return 1, nil
}

func (w *world) ScanDone(_ context.Context, _ lease.Lease, _ verify.PassID, s verify.Scan) error {
	w.stored = append(w.stored, s)
	return nil
}

func (w *world) FinishPass(_ context.Context, _ lease.Lease, _ verify.PassID, r verify.Result, _ time.Time) error {
	w.result = r
	return nil
}

func (w *world) reads(t *testing.T) *reads.Reads {
	w.now, w.asked = began, map[string]int{}
	return &reads.Reads{
		Queries: []reads.Query{{Name: "order", Legacy: path{w, t, "legacy", w.legacy}, Projection: path{w, t, "projection", w.projection}, Rules: rules()}},
		Basis:   "b", Rate: 1000, Timeout: time.Minute, Settle: compare.Settle{Window: 30 * time.Second, Rechecks: 3, MaxLag: 5 * time.Minute},
		Draw: func(_ context.Context, size int) (keys []order.Key, refused string, err error) {
			for i := range size {
				keys = append(keys, order.Key('a'+rune(i)))
			}
			return keys, "", nil
		},
		Journal: w, Random: rand.New(rand.NewPCG(1, 1)), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		Wait: func(ctx context.Context, d time.Duration) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.now = w.now.Add(d)
			return ctx.Err()
		},
	}
}

func always(text string) func(string, time.Duration, int) (string, error) {
	return func(string, time.Duration, int) (string, error) { return text, nil }
}

// forA answers one order differently from all others.
func forA(of func(string, time.Duration, int) (string, error)) func(string, time.Duration, int) (string, error) {
	return func(key string, at time.Duration, ask int) (string, error) {
		if key != "a" {
			return `{"s": "OPEN"}`, nil
		}
		return of(key, at, ask)
	}
}

func run(t *testing.T, w *world) verify.ReadsFacts {
	t.Helper()
	pass, err := w.reads(t).Run(t.Context(), lease.Lease{}, verify.Start{At: began}, 5)
	if err != nil || pass.State != verify.Done {
		t.Fatalf("the pass is %s, %v", pass.State, err)
	}
	return pass.Scan.Facts.(verify.ReadsFacts)
}

func TestAnswersThatAgreeAreAMatch(t *testing.T) {
	w := &world{legacy: always(`{"s": "OPEN"}`), projection: always(`{"s": "OPEN"}`)}
	q := run(t, w).Queries[0]
	if w.result.Verdict != compare.Match || q.Agreed != 5 || q.Later != 0 || q.Twice != 5 || q.Measured != 5 || w.stored[0].Coverage != 1 {
		t.Errorf("%+v, %+v", w.result, q)
	}
}

// TestADifferenceCountsOnlyOnceItHeldStill: after a settle window, with both sides unmoved.
func TestADifferenceCountsOnlyOnceItHeldStill(t *testing.T) {
	w := &world{legacy: always(`{"s": "OPEN"}`), projection: forA(always(`{"s": "NEW"}`))}
	f := run(t, w)
	q := f.Queries[0]
	if w.result.Verdict != compare.Diverged || q.Differing != 1 || q.Agreed != 4 || w.now.Sub(began) < 30*time.Second {
		t.Errorf("%+v, %+v after %v", w.result, q, w.now.Sub(began))
	}
	if len(f.Differences) != 1 || f.Differences[0].Key != "a" || f.Differences[0].Found[0] != (verify.ReadDifference{Path: "$.s", Legacy: `"OPEN"`, Projection: `"NEW"`}) {
		t.Errorf("kept: %+v", f.Differences)
	}
}

func TestLagIsNoDifference(t *testing.T) {
	follows := func(behind time.Duration) func(string, time.Duration, int) (string, error) {
		return forA(func(_ string, at time.Duration, _ int) (string, error) {
			if at >= behind {
				return `{"s": "FILLED"}`, nil
			}
			return `{"s": "OPEN"}`, nil
		})
	}
	w := &world{legacy: follows(-time.Second), projection: follows(10 * time.Second)}
	q := run(t, w).Queries[0]
	if w.result.Verdict != compare.Match || q.Agreed != 5 || q.Later != 1 {
		t.Errorf("%+v, %+v", w.result, q)
	}
}

// TestWhatNeverHoldsStillIsUnverified, and is no difference.
func TestWhatNeverHoldsStillIsUnverified(t *testing.T) {
	w := &world{
		legacy:     forA(func(_ string, at time.Duration, _ int) (string, error) { return `{"s": "` + at.String() + `"}`, nil }),
		projection: always(`{"s": "OPEN"}`),
	}
	f := run(t, w)
	if q := f.Queries[0]; w.result.Verdict != compare.Unverified || q.Moving != 1 || q.Differing != 0 || !f.Differences[0].Moving {
		t.Errorf("%+v, %+v", w.result, f)
	}
}

// TestAStaleAnswerIsFoundWhileLegacyMoves only as long as legacy does: then it is a difference.
func TestAStaleAnswerIsFoundOnceLegacyRests(t *testing.T) {
	w := &world{
		legacy: forA(func(_ string, at time.Duration, _ int) (string, error) {
			return `{"s": "` + min(at, 40*time.Second).Truncate(20*time.Second).String() + `"}`, nil
		}),
		projection: forA(always(`{"s": "-1s"}`)),
	}
	if q := run(t, w).Queries[0]; q.Differing != 1 {
		t.Errorf("%+v", q)
	}
}

// TestNoiseIsShown and not taken off: legacy answers every second question differently.
func TestNoiseIsShown(t *testing.T) {
	w := &world{
		legacy: forA(func(_ string, _ time.Duration, ask int) (string, error) {
			return `{"s": "OPEN", "n": ` + string(rune('0'+ask%2)) + `}`, nil
		}),
		projection: forA(always(`{"s": "OPEN", "n": 7}`)),
	}
	if q := run(t, w).Queries[0]; q.Noise != 1 || q.Twice != 5 || q.Differing != 1 {
		t.Errorf("%+v", q)
	}
}

// TestWhatIsNotAnsweredIsNoAgreement.
func TestWhatIsNotAnsweredIsNoAgreement(t *testing.T) {
	w := &world{legacy: always(`{"s": "OPEN"}`), projection: forA(func(string, time.Duration, int) (string, error) { return "", errors.New("503") })}
	q := run(t, w).Queries[0]
	if w.result.Verdict != compare.Unverified || q.Failed != 1 || q.Failure != "asking projection: 503" || w.stored[0].Coverage != 0.8 {
		t.Errorf("%+v, %+v", w.result, q)
	}
}

func TestABrokenReadPathIsNotAskedForEver(t *testing.T) {
	w := &world{legacy: always(`{}`), projection: func(string, time.Duration, int) (string, error) { return "", errors.New("503") }}
	if _, err := w.reads(t).Run(t.Context(), lease.Lease{}, verify.Start{At: began}, 200); err != nil {
		t.Fatal(err)
	}
	q := w.stored[0].Facts.(verify.ReadsFacts).Queries[0]
	if q.Failed < 20 || q.Failed > 24 || q.Failed+q.Unasked != 200 || w.result.Verdict != compare.Unverified {
		t.Errorf("%+v", q)
	}
}

func TestAPassThatIsStoppedIsUnverified(t *testing.T) {
	w := &world{projection: always(`{}`)}
	ctx, cancel := context.WithCancel(t.Context())
	w.legacy = func(_ string, _ time.Duration, ask int) (string, error) {
		if ask > 2 {
			cancel()
		}
		return `{}`, nil
	}
	pass, err := w.reads(t).Run(ctx, lease.Lease{}, verify.Start{At: began}, 5)
	if !errors.Is(err, context.Canceled) || pass.State != verify.Done || w.result.Verdict != compare.Unverified || w.stored[0].Coverage >= 1 {
		t.Errorf("%v, %s, %+v", err, pass.State, w.result)
	}
}

func TestReplay(t *testing.T) {
	w := &world{legacy: always(`{"s": "OPEN"}`), projection: forA(always(`{"s": "NEW"}`))}
	r := w.reads(t)
	questions, err := r.Recorded(strings.NewReader(`{"at": "2026-11-27T09:00:10Z", "query": "order", "key": "a"}

{"at": "2026-11-27T09:00:00Z", "query": "order", "params": [7, "x"]}
`))
	if err != nil || len(questions) != 2 || questions[0].Params[0] != "7" {
		t.Fatalf("%+v, %v", questions, err)
	}
	facts, late, err := r.Replay(t.Context(), questions, 10)
	if q := facts.Queries[0]; err != nil || late != 0 || q.Agreed != 1 || q.Differing != 1 {
		t.Errorf("%+v, %d late, %v", q, late, err)
	}
	if took := w.now.Sub(began); took < 31*time.Second || took > 32*time.Second { // a second, and the settle window
		t.Errorf("it took %v", took)
	}
}

func TestRecordedRequestsThatCannotBeAsked(t *testing.T) {
	r := (&world{}).reads(t)
	for text, says := range map[string]string{
		`{"query": "none", "key": "1"}`:           `line 1: recorded request cannot be asked: reads.queries has no query "none"`,
		`{"query": "order"}`:                      "it has neither key nor params",
		`{"query": "order", "key": {}}`:           "a parameter must be a text, a number, or true or false",
		`{"query": "order", "key": 1, "what": 1}`: "unknown field",
		"{\"query\": \"order\", \"key\": 1}\n{\"at\": \"2026-11-27T09:00:00Z\", \"query\": \"order\", \"key\": 1}": "line 2: recorded request cannot be asked: some have a time",
	} {
		if _, err := r.Recorded(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
