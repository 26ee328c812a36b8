package jobstest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// Queue is jobs and their workers.
type Queue interface {
	verify.Jobs
	// Work does jobs of a fingerprint, one at a time, until ctx ends. Each takes no longer than a limit.
	Work(ctx context.Context, fingerprint string, limit time.Duration, do func(context.Context, verify.Job) (verify.Answer, error)) error
}

// most is how long a condition may take to come true.
const most = 2 * time.Minute

// Exercise holds two views of the same jobs, as two processes have them, to what their contract says. Other tests may use the same
// jobs; each of these has passes of its own.
func Exercise(t *testing.T, one, other Queue) {
	for i, test := range []struct {
		name string
		run  func(*testing.T, Queue, Queue, verify.PassID)
	}{
		{"each job is done once by two workers", eachOnce},
		{"jobs of another fingerprint are not seen", otherFingerprint},
		{"a job that cannot be done now comes again, one that is given up does not", answers},
		{"jobs that nobody needs are dropped", forgotten},
		{"a worker that is stopped gives its job back", stopped},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, one, other, verify.PassID(1000+i)) })
	}
}

type do = func(context.Context, verify.Job) (verify.Answer, error)

// workers work until the test ends, or stop is called.
func workers(t *testing.T, queues []Queue, fingerprint string, do do) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var g sync.WaitGroup
	for _, q := range queues {
		g.Go(func() {
			if err := q.Work(ctx, fingerprint, time.Minute, do); ctx.Err() == nil {
				t.Errorf("working: %v", err)
			}
		})
	}
	stop = func() { cancel(); g.Wait() }
	t.Cleanup(stop)
	return stop
}

func numbers(from, to int) (out []int) {
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func add(t *testing.T, q Queue, fingerprint string, id verify.PassID, numbers ...int) {
	t.Helper()
	if err := q.Add(t.Context(), fingerprint, id, numbers); err != nil {
		t.Fatal(err)
	}
}

// wantHeld waits until these are held.
func wantHeld(t *testing.T, q Queue, id verify.PassID, want ...int) {
	t.Helper()
	var held []int
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(most); time.Now().Before(end); <-tick.C {
		var err error
		if held, err = q.Held(t.Context(), id, time.Minute); err != nil {
			t.Fatal(err)
		}
		if slices.Equal(held, want) {
			return
		}
	}
	t.Fatalf("jobs that are held: %v; want %v", held, want)
}

// done counts how often each job was done.
type done struct {
	mu    sync.Mutex
	times map[verify.Job]int
}

func (d *done) count(job verify.Job) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.times == nil {
		d.times = map[verify.Job]int{}
	}
	d.times[job]++
	return d.times[job]
}

func eachOnce(t *testing.T, one, other Queue, id verify.PassID) {
	var d done
	add(t, one, "f1", id, numbers(1, 20)...)
	add(t, other, "f1", id, numbers(1, 21)...) // the rest, after another process has begun
	wantHeld(t, other, id, numbers(1, 21)...)
	workers(t, []Queue{one, other}, "f1", func(_ context.Context, job verify.Job) (verify.Answer, error) {
		d.count(job)
		return verify.Finished, nil
	})
	wantHeld(t, one, id)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.times) != 21 {
		t.Errorf("%d jobs were done", len(d.times))
	}
	for job, times := range d.times {
		if times != 1 || job.Pass != id {
			t.Errorf("%v was done %d times", job, times)
		}
	}
}

func otherFingerprint(t *testing.T, one, other Queue, id verify.PassID) {
	add(t, one, "f2", id, 1)
	add(t, one, "f3", id, 2)
	workers(t, []Queue{other}, "f3", func(_ context.Context, job verify.Job) (verify.Answer, error) {
		if job.Number != 2 {
			t.Errorf("%v was done", job)
		}
		return verify.Finished, nil
	})
	wantHeld(t, one, id, 1)
}

func answers(t *testing.T, one, other Queue, id verify.PassID) {
	var d done
	add(t, one, "f4", id, 1, 2, 3)
	workers(t, []Queue{other}, "f4", func(_ context.Context, job verify.Job) (verify.Answer, error) {
		times := d.count(job)
		switch {
		case job.Number == 1 && times == 1:
			return verify.Later, nil
		case job.Number == 2 && times == 1:
			return verify.Failed, fmt.Errorf("attempt %d", times)
		case job.Number == 3:
			return verify.GivenUp, fmt.Errorf("attempt %d", times)
		}
		return verify.Finished, nil
	})
	wantHeld(t, one, id)
	d.mu.Lock()
	defer d.mu.Unlock()
	for number, want := range []int{1: 2, 2: 2, 3: 1} {
		if got := d.times[verify.Job{Pass: id, Number: number}]; got != want {
			t.Errorf("job %d was done %d times, want %d", number, got, want)
		}
	}
}

func forgotten(t *testing.T, one, other Queue, id verify.PassID) {
	add(t, one, "f5", id, 1, 2)
	add(t, one, "f5", id+100, 1)
	if err := other.Forget(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	wantHeld(t, one, id)
	wantHeld(t, one, id+100, 1)
}

func stopped(t *testing.T, one, other Queue, id verify.PassID) {
	add(t, one, "f6", id, 1)
	begun := make(chan struct{})
	stop := workers(t, []Queue{one}, "f6", func(ctx context.Context, _ verify.Job) (verify.Answer, error) {
		close(begun)
		<-ctx.Done()
		return verify.Failed, ctx.Err()
	})
	<-begun
	if held, err := other.Held(t.Context(), id, 0); err != nil || len(held) > 0 {
		t.Errorf("a job that is worked on for longer than the limit is held: %v, %v", held, err)
	}
	stop()
	workers(t, []Queue{other}, "f6", func(context.Context, verify.Job) (verify.Answer, error) { return verify.Finished, nil })
	wantHeld(t, one, id)
}
