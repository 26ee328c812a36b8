package backfill

import (
	"errors"
	"fmt"

	"github.com/nordvarg/crosscheck/order"
)

var (
	// ErrMoved is returned by [Store.Append] if the orders have other events than when they were read. Nothing was stored.
	ErrMoved = errors.New("orders have got other events while they were read")
	// ErrStored is returned by [Store.Append] if another process of the run has stored the range. Nothing was stored again.
	ErrStored = errors.New("another process has stored the range")
	// ErrTaken is returned if another process has claimed the store since. Nothing was stored.
	ErrTaken = errors.New("another process backfills this event store")
)

// RefusedError says which event the store does not take. Nothing of its range was stored.
type RefusedError struct {
	Key  order.Key // empty if the store does not say which event it is
	Type string
	ID   string
	Err  error
}

func (r *RefusedError) Error() string {
	if r.Key == "" {
		return fmt.Sprintf("the event store refuses a range of events: %v", r.Err)
	}
	return fmt.Sprintf("the event store refuses event %s (%s) of order %.60q: %v", r.ID, r.Type, string(r.Key), r.Err)
}

func (r *RefusedError) Unwrap() error { return r.Err }
