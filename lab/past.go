package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// past is what legacy has of one order: its row, and what it has recorded.
type past struct {
	workingOrder

	createdAt time.Time
	paid      string // filled times average, for an import
	changes   []change
	trades    []trade
}

// change is a line of the audit log that an event can tell.
type change struct {
	key           string
	at            time.Time
	field         string
	before, after amount
}

type trade struct {
	key             string
	at              time.Time
	quantity, price amount
}

// readPasts reads what legacy has of the orders of a range, both ends included.
func readPasts(ctx context.Context, legacy inquirer, from, to int64) ([]past, error) {
	var pasts []past
	of := map[int64]*past{}
	if err := readRows(ctx, legacy, from, to, &pasts); err != nil {
		return nil, fmt.Errorf("reading orders %d to %d: %w", from, to, err)
	}
	for i := range pasts {
		of[pasts[i].id] = &pasts[i]
	}
	if err := readRecords(ctx, legacy, from, to, of); err != nil {
		return nil, fmt.Errorf("reading the records of orders %d to %d: %w", from, to, err)
	}
	return pasts, nil
}

// inquirer is a connection or a pool.
type inquirer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readRows(ctx context.Context, legacy inquirer, from, to int64, into *[]past) error {
	const sql = `SELECT order_id, trader_id, symbol, side, quantity::text, price::text, filled_quantity::text, status, updated_at, created_at,
		coalesce((filled_quantity * avg_fill_price)::text, '0') FROM orders WHERE order_id BETWEEN $1 AND $2 ORDER BY order_id`
	rows, err := legacy.Query(ctx, sql, from, to)
	if err != nil {
		return err
	}
	var p past
	var quantity, price, filled string
	to11 := []any{&p.id, &p.trader, &p.symbol, &p.side, &quantity, &price, &filled, &p.status, &p.updatedAt, &p.createdAt, &p.paid}
	_, err = pgx.ForEachRow(rows, to11, func() error {
		if err := parseAmounts([]string{quantity, price, filled}, &p.quantity, &p.price, &p.filled); err != nil {
			return err
		}
		*into = append(*into, p)
		return nil
	})
	return err
}

func readRecords(ctx context.Context, legacy inquirer, from, to int64, of map[int64]*past) error {
	var id int64
	var key, field, one, two string
	var at time.Time
	const changes = `SELECT entity_id, audit_id::text, timestamp, field_changed, old_value, new_value FROM audit_log
		WHERE entity_id BETWEEN $1 AND $2 AND field_changed IN ('price', 'quantity') ORDER BY entity_id, timestamp, audit_id`
	rows, err := legacy.Query(ctx, changes, from, to)
	if err != nil {
		return err
	}
	if _, err := pgx.ForEachRow(rows, []any{&id, &key, &at, &field, &one, &two}, func() error {
		c := change{key: key, at: at, field: field}
		if p := of[id]; p != nil {
			p.changes = append(p.changes, c)
			last := &p.changes[len(p.changes)-1]
			return parseAmounts([]string{one, two}, &last.before, &last.after)
		}
		return nil
	}); err != nil {
		return err
	}
	const trades = `SELECT order_id, trade_id::text, executed_at, quantity::text, price::text FROM trades
		WHERE order_id BETWEEN $1 AND $2 ORDER BY order_id, executed_at, trade_id`
	if rows, err = legacy.Query(ctx, trades, from, to); err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&id, &key, &at, &one, &two}, func() error {
		if p := of[id]; p != nil {
			p.trades = append(p.trades, trade{key: key, at: at})
			last := &p.trades[len(p.trades)-1]
			return parseAmounts([]string{one, two}, &last.quantity, &last.price)
		}
		return nil
	})
	return err
}

func parseAmounts(texts []string, into ...*amount) error {
	errs := make([]error, len(texts))
	for i, text := range texts {
		*into[i], errs[i] = parseAmount(text)
	}
	return errors.Join(errs...)
}
