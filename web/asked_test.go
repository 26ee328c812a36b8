package web

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnAnswerIsAskedForApart from the requests that show it.
func TestAnAnswerIsAskedForApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		questions, slow := 0, time.Second
		var failing error
		closing := make(chan struct{})
		a := asked[int]{keep: 15 * time.Second, wait: 2 * time.Second, most: 20 * time.Second, closing: closing, ask: func(ctx context.Context) (int, error) {
			questions++
			select {
			case <-time.After(slow):
				return questions, failing
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}}
		is := func(given string, took time.Duration, want answered[int]) {
			t.Helper()
			began := time.Now()
			got := a.get(t.Context())
			if !errors.Is(got.err, want.err) {
				t.Errorf("%s: error %v, want %v", given, got.err, want.err)
			}
			if got.err = want.err; got != want || time.Since(began) != took {
				t.Errorf("%s: %+v after %s, want %+v after %s", given, got, time.Since(began), want, took)
			}
		}
		is("the first request waits", time.Second, answered[int]{value: 1, known: true})
		is("the next has its answer", 0, answered[int]{value: 1, known: true})
		<-time.After(15 * time.Second)
		slow = time.Minute
		is("the answer is late", 2*time.Second, answered[int]{value: 1, known: true, coming: true})
		is("nothing is asked twice", 2*time.Second, answered[int]{value: 1, known: true, coming: true})
		gone, leave := context.WithCancel(t.Context())
		leave()
		if got := a.get(gone); !got.coming {
			t.Errorf("somebody who has left: %+v", got)
		}
		<-time.After(16 * time.Second)
		is("the deadline is over", 0, answered[int]{value: 1, known: true, err: context.DeadlineExceeded})
		if questions != 2 {
			t.Errorf("%d questions", questions)
		}
		<-time.After(15 * time.Second)
		slow, failing = 0, errors.New("gone")
		is("it cannot be asked", 0, answered[int]{value: 1, known: true, err: failing})
		<-time.After(15 * time.Second)
		slow = time.Hour
		is("the server ends", 2*time.Second, answered[int]{value: 1, known: true, err: failing, coming: true})
		close(closing)
		a.end()
		is("it has ended", 0, answered[int]{value: 1, known: true, err: context.Canceled})
	})
}
