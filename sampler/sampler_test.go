package sampler_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/sampler"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

func TestMain(m *testing.M) { pgtest.Main(m) } // which looks for goroutines that were left behind

// store is the fake ledger with a calendar. It can be away, and then everything of it is.
type store struct {
	*ledgertest.Fake

	mu       sync.Mutex
	failure  error
	next     map[verify.PassKind]time.Time
	interval map[verify.PassKind]time.Duration
}

var (
	_ sampler.Ledger = (*store)(nil)

	errAway = errors.New("the ledger is away")
)

func newStore() *store {
	return &store{
		Fake: ledgertest.New(nil), next: map[verify.PassKind]time.Time{}, interval: map[verify.PassKind]time.Duration{},
	}
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
	s.Fail(err)
}

func (s *store) NextRun(_ context.Context, kind verify.PassKind) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[kind], s.failure
}

func (s *store) SetSchedule(_ context.Context, kind verify.PassKind, next time.Time, every time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.next[kind], s.interval[kind] = next, every
	}
	return s.failure
}

// overdue is what the real ledger says of the kind.
func (s *store) overdue(t *testing.T, kind verify.PassKind, grace time.Duration) bool {
	t.Helper()
	next, _ := s.NextRun(t.Context(), kind)
	if next.IsZero() || !time.Now().After(next.Add(grace)) {
		return false
	}
	return !slices.ContainsFunc(s.passes(t), func(p verify.Pass) bool { return p.Kind == kind && !p.ScheduledAt.Before(next) })
}

// passes are all passes, oldest first.
func (s *store) passes(t *testing.T) []verify.Pass {
	t.Helper()
	passes, err := s.Passes(context.Background(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(passes)
	return passes
}

// checker makes passes that compare nothing: they take their time, and end as verify's do.
type checker struct {
	store *store
	takes func(start verify.Start) time.Duration // nil is no time
	// before is called in a pass that has begun; its error is the pass's.
	before func(ctx context.Context, l lease.Lease, start verify.Start) error

	mu      sync.Mutex
	running int
	most    int // passes at one time
	starts  []verify.Start
	ended   []error // why passes ended
}

func (c *checker) run(ctx context.Context, l lease.Lease, start verify.Start) (pass verify.Pass, err error) {
	id, err := c.store.BeginPass(ctx, l, start)
	if err != nil {
		return verify.Pass{}, err
	}
	c.enter(start)
	defer func() { c.leave(err) }()
	pass = verify.Pass{ID: id, Kind: start.Kind, State: verify.Scanning, ScheduledAt: start.ScheduledAt}
	if c.before != nil {
		err = c.before(ctx, l, start)
	}
	if err == nil && c.takes != nil {
		err = lease.Sleep(ctx, c.takes(start))
	}
	if errors.Is(context.Cause(ctx), lease.ErrFenced) {
		return pass, lease.ErrFenced
	}
	ctx = context.WithoutCancel(ctx)
	if err := errors.Join(err, c.store.ScanDone(ctx, l, id, verify.Scan{Coverage: 1, Compared: 1})); err != nil {
		return pass, errors.Join(err, c.finish(ctx, l, &pass, verify.Result{Verdict: compare.Unverified, Reason: err.Error()}))
	}
	return pass, c.finish(ctx, l, &pass, verify.Result{Verdict: compare.Match})
}

func (c *checker) resume(ctx context.Context, l lease.Lease, found verify.Pass) (verify.Pass, error) {
	return found, c.finish(ctx, l, &found, verify.Result{Verdict: compare.Match, Reason: "resumed"})
}

func (c *checker) finish(ctx context.Context, l lease.Lease, p *verify.Pass, r verify.Result) error {
	if err := c.store.FinishPass(ctx, l, p.ID, r, time.Now()); err != nil {
		return err
	}
	p.State, p.Result = verify.Done, r
	return nil
}

func (c *checker) enter(start verify.Start) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts = append(c.starts, start)
	c.running++
	c.most = max(c.most, c.running)
}

func (c *checker) leave(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	c.ended = append(c.ended, err)
}

func (c *checker) began() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.starts)
}

func lasting(d time.Duration) func(verify.Start) time.Duration {
	return func(verify.Start) time.Duration { return d }
}

func schedule(t testing.TB, line string) config.Schedule {
	t.Helper()
	s, err := config.ParseSchedule(line)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// logged collects the lines that a person would see.
type logged struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.lines.String(), text)
}

// newSampler checks a sample every minute.
func newSampler(t testing.TB, c *checker) (*sampler.Sampler, *logged) {
	t.Helper()
	out := new(logged)
	return &sampler.Sampler{
		Jobs:   []sampler.Job{{Kind: verify.Sample, Schedule: schedule(t, "* * * * *"), Run: c.run, Resume: c.resume}},
		Ledger: c.store, Holder: t.Name(), Log: slog.New(slog.NewTextHandler(out, nil)),
	}, out
}

// begin runs samplers in the bubble; stop ends them as SIGTERM does, and waits.
func begin(t *testing.T, samplers ...*sampler.Sampler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, s := range samplers {
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Errorf("sampler ended with: %v", err)
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// advance lets time pass, and lets everything settle that falls due at its end.
func advance(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the bubble's clock
	synctest.Wait()
}

// minute is the n-th minute of a bubble, whose clock starts with one.
func minute(n int) time.Time { return time.Date(2000, 1, 1, 0, n, 0, 0, time.UTC) }

// fates says what became of the scheduled runs, by minute: verdict, and reason if there is one.
func fates(t *testing.T, s *store) map[int]string {
	t.Helper()
	found := map[int]string{}
	for _, p := range s.passes(t) {
		n := int(p.ScheduledAt.Sub(minute(0)) / time.Minute)
		if !p.ScheduledAt.Equal(minute(n)) {
			t.Errorf("pass %d was scheduled at %s, which is no minute", p.ID, p.ScheduledAt)
		}
		if found[n] != "" {
			t.Errorf("minute %d has two passes", n)
		}
		found[n] = strings.TrimSuffix(string(p.Result.Verdict)+": "+p.Result.Reason, ": ")
		if p.State != verify.Done {
			found[n] = string(p.State)
		}
	}
	return found
}
