package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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
	r.History, err = n.history(ctx, *history, key)
	return r, err
}

func (n *snapshot) history(ctx context.Context, c HistoryConfig, key order.Key) (*compare.History, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	h := compare.History{Audit: []compare.Change{}, Trades: []compare.Trade{}}
	cast := keyCast(n.side.shape.keyType)
	rows, err := n.tx.Query(ctx, fmt.Sprintf(`SELECT "timestamp", field_changed, old_value::text, new_value::text FROM %s
		WHERE entity_id = $1::text::%s ORDER BY "timestamp"`, c.AuditLog, cast), string(key))
	if err != nil {
		return nil, n.fail("reading the audit log", err)
	}
	var change compare.Change
	var was, is *string
	_, err = pgx.ForEachRow(rows, []any{&change.At, &change.Field, &was, &is}, func() error {
		change.Old, change.New = textOrNull(was), textOrNull(is)
		h.Audit = append(h.Audit, change)
		return nil
	})
	if err != nil {
		return nil, n.fail("reading the audit log", err)
	}
	rows, err = n.tx.Query(ctx, fmt.Sprintf(`SELECT executed_at, quantity::text, price::text FROM %s
		WHERE order_id = $1::text::%s ORDER BY executed_at`, c.Trades, cast), string(key))
	if err != nil {
		return nil, n.fail("reading the trades", err)
	}
	var at time.Time
	var quantity, price string
	_, err = pgx.ForEachRow(rows, []any{&at, &quantity, &price}, func() error {
		trade, err := compare.NewTrade(at, quantity, price)
		h.Trades = append(h.Trades, trade)
		return err
	})
	if err != nil {
		return nil, n.fail("reading the trades", err)
	}
	return &h, nil
}

func textOrNull(text *string) order.Value {
	if text == nil {
		return order.Null
	}
	return order.Value{Text: *text}
}
