package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/throttle"
)

// server is a clock that only waiting moves, and a load that changes with it.
type server struct {
	mu     sync.Mutex
	now    time.Time
	load   func(now time.Time) (throttle.Load, error)
	asked  int
	told   []string
	paused map[throttle.Reason]time.Duration
}

func (s *server) pacer(limits throttle.Limits) *throttle.Pacer {
	s.now = time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC)
	s.paused = map[throttle.Reason]time.Duration{}
	return &throttle.Pacer{
		Limits: limits, Side: "legacy", Now: s.clock,
		Wait: func(ctx context.Context, d time.Duration) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.now = s.now.Add(d)
			return ctx.Err()
		},
		Observe: func(context.Context) (throttle.Load, error) {
			s.asked++
			return s.load(s.clock())
		},
		Changed: func(_ context.Context, st throttle.State) error {
			s.told = append(s.told, strings.TrimSpace(string(st.Reason)+" "+st.Text))
			return nil
		},
		Paused: func(_ string, r throttle.Reason, took time.Duration) { s.paused[r] += took },
	}
}

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) work(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// TestTheRateIsKept reads chunks that take some time, or none, or longer than the rate allows for.
func TestTheRateIsKept(t *testing.T) {
	for _, is := range []struct {
		chunk, chunks int64
		each          time.Duration // work
		want          time.Duration
	}{
		{2000, 500, 0, 50 * time.Second},
		{2000, 500, 40 * time.Millisecond, 50 * time.Second},
		{100, 10_000, time.Millisecond, 50 * time.Second},
		{2000, 500, 300 * time.Millisecond, 150 * time.Second},
	} {
		var s server
		p := s.pacer(throttle.Limits{RowsPerSecond: 20_000})
		began := s.now
		for range is.chunks {
			s.work(is.each)
			if err := p.Read(t.Context(), is.chunk); err != nil {
				t.Fatal(err)
			}
		}
		if took := s.now.Sub(began); took < is.want-time.Second || took > is.want+time.Second {
			t.Errorf("%+v took %v", is, took)
		}
		if is.each < 100*time.Millisecond && !slices.Equal(s.told, []string{"rows_per_second at most 20000 rows per second of legacy"}) {
			t.Errorf("told %q", s.told)
		}
	}
}

// TestASlowSecondIsNotMadeUpFor: after a long statement the rate is kept as before.
func TestASlowSecondIsNotMadeUpFor(t *testing.T) {
	var s server
	p := s.pacer(throttle.Limits{RowsPerSecond: 10_000})
	for _, work := range []time.Duration{0, time.Minute, 0, 0, 0, 0, 0, 0, 0, 0} {
		s.work(work)
		if err := p.Read(t.Context(), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if took := s.paused[throttle.Paced]; took < 500*time.Millisecond {
		t.Errorf("10 chunks of a tenth of a second were paused for %v, with one long one", took)
	}
}

// TestTwoConnectionsShareTheRate of their side.
func TestTwoConnectionsShareTheRate(t *testing.T) {
	var s server
	p := s.pacer(throttle.Limits{RowsPerSecond: 10_000})
	began := s.now
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 50 {
				if err := p.Pay(t.Context(), 1000); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if took := s.now.Sub(began); took < 9*time.Second {
		t.Errorf("100,000 rows in %v", took)
	}
}

func TestABusyServerIsWaitedFor(t *testing.T) {
	var s server
	p := s.pacer(throttle.Limits{MaxSessions: 12})
	s.load = func(now time.Time) (throttle.Load, error) {
		switch busy := now.Sub(time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC)); {
		case busy < 30*time.Second:
			return throttle.Load{Sessions: 14 + int64(busy/time.Second)%2}, nil // the number changes, the reason does not
		case busy < 40*time.Second:
			return throttle.Load{Sessions: 12 + int64(busy/time.Second)%2}, nil // about the limit
		}
		return throttle.Load{Sessions: 3}, nil
	}
	for range 600 {
		s.work(100 * time.Millisecond)
		if err := p.Read(t.Context(), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"max_sessions 14 active sessions on legacy, limit 12", ""}; !slices.Equal(s.told, want) {
		t.Errorf("told %q, want %q", s.told, want)
	}
	if waited := s.paused[throttle.TooBusy]; waited < 30*time.Second || waited > 40*time.Second {
		t.Errorf("waited %v", waited)
	}
	if s.asked > 110 {
		t.Errorf("asked %d times in about 95 s", s.asked)
	}
}

func TestWhatCannotBeSeenIsAnError(t *testing.T) {
	var s server
	p := s.pacer(throttle.Limits{MaxSessions: 12})
	s.load = func(time.Time) (throttle.Load, error) { return throttle.Load{}, throttle.ErrUnseen }
	if err := p.Begin(t.Context()); !errors.Is(err, throttle.ErrUnseen) {
		t.Errorf("begin: %v", err)
	}
	if err := p.Read(t.Context(), 1); !errors.Is(err, throttle.ErrUnseen) {
		t.Errorf("read: %v", err)
	}
}

// TestHoursAreWaitedForWithoutASnapshot, and end a pass that holds one, unless it holds it only for a short time.
func TestHoursAreWaitedForWithoutASnapshot(t *testing.T) {
	hours, err := throttle.ParseHours("22:00-06:00")
	if err != nil {
		t.Fatal(err)
	}
	var s server
	p := s.pacer(throttle.Limits{Hours: hours})
	if err := p.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.now.Format("15:04"); got != "22:00" || len(s.told) != 1 {
		t.Errorf("began at %s, told %q", got, s.told)
	}
	s.work(8*time.Hour - time.Minute)
	if err := p.Read(t.Context(), 1); err != nil {
		t.Errorf("just before the end: %v", err)
	}
	s.work(time.Minute)
	if err := p.Read(t.Context(), 1); !errors.Is(err, throttle.ErrHours) {
		t.Errorf("at the end: %v", err)
	}
	p.Ranged = true
	if err := p.Read(t.Context(), 1); err != nil {
		t.Errorf("in a range: %v", err)
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	var s server
	p := s.pacer(throttle.Limits{MaxSessions: 1, RowsPerSecond: 1})
	s.load = func(time.Time) (throttle.Load, error) { return throttle.Load{Sessions: 2}, nil }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, wait := range map[string]func() error{
		"begin": func() error { return p.Begin(ctx) }, "read": func() error { return p.Read(ctx, 0) }, "pay": func() error { return p.Pay(ctx, 5) },
	} {
		if err := wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChunks(t *testing.T) {
	got := ""
	for _, rate := range []int64{0, 1, 9_999, 50_000, 5_000_000} {
		got += fmt.Sprint(throttle.Limits{RowsPerSecond: rate}.Chunk(), " ")
	}
	if got != "100000 1000 1000 1250 100000 " {
		t.Error(got)
	}
}
