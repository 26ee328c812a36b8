package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

var _ follow.Sliced = (*Events)(nil)

// outside is the condition for events that do not belong to the slice.
func (e *Events) outside() string { return condition(e.config.Where) + " IS NOT TRUE" }

// Sliced implements [follow.Sliced].
func (e *Events) Sliced() bool { return e.config.Where != "" }

// OutsideAt implements [follow.Sliced].
func (e *Events) OutsideAt(ctx context.Context, positions []order.Position) (map[order.Position]order.Key, error) {
	asked := make([]int64, len(positions))
	for i, p := range positions {
		asked[i] = int64(p)
	}
	at := "(" + e.config.Position + ")::bigint"
	return eachOutside(ctx, e, at, "("+e.config.Position+") = ANY($1::bigint[])", asked, func(at int64) order.Position { return order.Position(at) })
}

// OutsideByID implements [follow.Sliced].
func (e *Events) OutsideByID(ctx context.Context, ids []order.ID) (map[order.ID]order.Key, error) {
	asked := make([]string, len(ids))
	for i, id := range ids {
		asked[i] = string(id)
	}
	is := fmt.Sprintf("(%s) = ANY($1::text[]::%s[])", e.config.ID, keyCast(e.idType))
	return eachOutside(ctx, e, "("+e.config.ID+")::text", is, asked, func(id string) order.ID { return order.ID(id) })
}

// eachOutside reads an identity and the order of events outside of the slice.
func eachOutside[C any, K comparable](ctx context.Context, e *Events, identity, is string, asked []C, as func(C) K) (map[K]order.Key, error) {
	defer e.side.observe("outside")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	found := map[K]order.Key{}
	query := fmt.Sprintf("SELECT %s, (%s)::text FROM %s AS t WHERE %s AND %s", identity, e.config.Key, e.config.Table, is, e.outside())
	rows, err := e.side.pool.Query(ctx, query, asked)
	var id C
	var key *string
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&id, &key}, func() error {
			if key != nil {
				found[as(id)] = order.Key(*key)
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("looking for events outside of the slice: %w", err)
	}
	return found, nil
}

// OutsideOrders implements [follow.Sliced].
func (e *Events) OutsideOrders(ctx context.Context, keys []order.Key) ([]order.Key, error) {
	defer e.side.observe("outside")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	is, args := e.ofKeys(keys)
	query := fmt.Sprintf("SELECT (%[1]s)::text FROM %[2]s AS t WHERE %[3]s GROUP BY 1 HAVING bool_and(%[4]s)", e.config.Key, e.config.Table, is, e.outside())
	rows, err := e.side.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("looking for orders outside of the slice: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[order.Key])
	if err != nil {
		return nil, fmt.Errorf("looking for orders outside of the slice: %w", err)
	}
	return found, nil
}
