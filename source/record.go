package source

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// HistoryConfig says where legacy's own memory of its orders is: tables of the default schema, or views that look
// like them.
type HistoryConfig struct {
	AuditLog string // entity_id, timestamp, field_changed, old_value, new_value
	Trades   string // order_id, executed_at, quantity, price
}

// Record is what a side has of one order, at one instant.
type Record struct {
	Rows    []order.Row
	Reached time.Time        // newest change that any row of the side shows; zero where unknown
	History *compare.History // nil where it was not asked for
}

// Record reads one order, and legacy's own memory of it in the same snapshot where that is asked for.
func (s *Side) Record(ctx context.Context, key order.Key, history *HistoryConfig) (Record, error) {
	opened, err := s.Begin(ctx)
	if err != nil {
		return Record{}, err
	}
	defer opened.Close()
	var r Record
	if r.Rows, err = opened.Rows(ctx, []order.Key{key}); err != nil {
		return r, err
	}
	if r.Reached, err = opened.Reached(ctx); err != nil && !errors.Is(err, verify.ErrNotIndexed) {
		return r, err
	}
	if history == nil {
		return r, nil
	}
	n, ok := opened.(*snapshot)
	if !ok {
		return r, nil
	}
	found, err := n.histories(ctx, *history, []order.Key{key})
	if h, ok := found[key]; ok {
		r.History = &h
	}
	return r, err
}
