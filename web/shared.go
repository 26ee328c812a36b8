package web

import (
	"context"
	"time"
)

// shared is one reading for all requests within cacheFor, failures included. So many visitors load the ledger no more
// than one does.
type shared[T any] struct {
	read func(context.Context) (T, error)
	turn chan struct{} // holds one token; its owner may read, and use the fields below

	value T
	err   error
	at    time.Time // when the reading ended; zero before the first
}

func newShared[T any](read func(context.Context) (T, error)) *shared[T] {
	return &shared[T]{read: read, turn: make(chan struct{}, 1)}
}

// get returns a reading that is at most cacheFor old, or an error. It returns when the context ends.
func (s *shared[T]) get(ctx context.Context) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	if !s.at.IsZero() && time.Since(s.at) < cacheFor {
		return s.value, s.err
	}
	value, err := s.read(ctx)
	if err != nil {
		value = none
		if ctx.Err() != nil {
			return none, err // this request ran out of time: the next one tries again
		}
	}
	s.value, s.err, s.at = value, err, time.Now()
	return value, err
}
