package web

import (
	"context"
	"sync"
	"time"
)

// shared is one reading for all requests within a moment, failures included. So many visitors load the ledger no more
// than one does.
type shared[T any] struct {
	read func(context.Context) (T, error)
	turn chan struct{} // holds one token; its owner may read, and use the fields below
	keep time.Duration

	value T
	err   error
	at    time.Time // when the reading ended; zero before the first
}

func newShared[T any](read func(context.Context) (T, error)) *shared[T] {
	return &shared[T]{read: read, turn: make(chan struct{}, 1), keep: cacheFor}
}

// get returns a reading that is at most keep old, or an error. It returns when the context ends.
func (s *shared[T]) get(ctx context.Context) (T, error) { return s.getBy(ctx, s.read) }

// getBy is get that reads, if it must, as this request does.
func (s *shared[T]) getBy(ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	if !s.at.IsZero() && time.Since(s.at) < s.keep {
		return s.value, s.err
	}
	value, err := read(ctx)
	if err != nil {
		value = none
		if ctx.Err() != nil {
			return none, err // this request ran out of time: the next one tries again
		}
	}
	s.value, s.err, s.at = value, err, time.Now()
	return value, err
}

// keyed are readings of several things, each shared by the requests for it.
type keyed[T any] struct {
	keep time.Duration

	mu sync.Mutex
	of map[string]*shared[T]
}

// maxKeyed is how many readings are kept.
const maxKeyed = 200

// get is [shared.get] of one of them. read may know the time of its request, and nothing else of it but the key.
func (k *keyed[T]) get(ctx context.Context, key string, read func(context.Context) (T, error)) (T, error) {
	k.mu.Lock()
	one := k.of[key]
	if one == nil {
		if k.of == nil || len(k.of) >= maxKeyed {
			k.of = map[string]*shared[T]{} // readings that are under way go on, and are used by those who wait for them
		}
		one = newShared[T](nil)
		one.keep = k.keep
		k.of[key] = one
	}
	k.mu.Unlock()
	return one.getBy(ctx, read)
}

// forget makes the next request read again. If the context ends before its turn, nothing is forgotten.
func (s *shared[T]) forget(ctx context.Context) {
	select {
	case s.turn <- struct{}{}:
		s.at = time.Time{}
		<-s.turn
	case <-ctx.Done():
	}
}

// forget makes all be read again.
func (k *keyed[T]) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of = nil
}
