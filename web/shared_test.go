package web

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReadingsAreSharedByMany who ask for the same and for other things, while all is forgotten now and then.
func TestReadingsAreSharedByMany(t *testing.T) {
	k := keyed[string]{keep: time.Hour}
	var read atomic.Int64
	ask := func(key string) {
		got, err := k.get(t.Context(), key, func(context.Context) (string, error) { read.Add(1); return "of " + key, nil })
		if err != nil || got != "of "+key {
			t.Errorf("asked for %s, got %q, %v", key, got, err)
		}
	}
	var viewers sync.WaitGroup
	for range 50 {
		viewers.Go(func() { ask("1") })
	}
	viewers.Wait()
	if n := read.Load(); n != 1 {
		t.Errorf("50 viewers read %d times", n)
	}
	for range 8 {
		viewers.Go(func() {
			for i := range 2 * maxKeyed {
				if ask(strconv.Itoa(i)); i%50 == 0 {
					k.forget()
				}
			}
		})
	}
	viewers.Wait()
	if len(k.of) > maxKeyed {
		t.Errorf("%d readings are kept", len(k.of))
	}
}

// TestAReadingIsOfThePresentRequest: one that is too old is read again with the time of the request that wants it.
func TestAReadingIsOfThePresentRequest(t *testing.T) {
	var k keyed[time.Time] // keeps nothing
	began := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, now := range []time.Time{began, began.Add(time.Hour)} {
		got, err := k.get(t.Context(), "min_age=1h", func(context.Context) (time.Time, error) { return now, nil })
		if err != nil || !got.Equal(now) {
			t.Errorf("at %s the reading is of %s, %v", now, got, err)
		}
	}
}
