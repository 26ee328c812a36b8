package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

const (
	// censusEvents is how many of the newest events are decoded to find out whether the store can be read.
	censusEvents = 1000
	// censusOrders and censusHistory limit the histories that are folded for it.
	censusOrders, censusHistory = 100, 20_000
	// censusTimeout is for all of it. Events are up to a megabyte each; those that came in time are enough.
	censusTimeout = 20 * time.Second
)

// Census decodes the newest thousand events, and folds the histories of their newest hundred orders. An event without a
// position is not among them.
func (e *Events) Census(ctx context.Context) (*order.Census, error) {
	defer e.side.observe("census")()
	ctx, cancel := context.WithTimeout(ctx, censusTimeout)
	defer cancel()
	var c order.Census
	if err := e.countIgnored(ctx, &c); err != nil {
		return nil, fmt.Errorf("counting events of ignored types: %w", err)
	}
	newest, err := e.newest(ctx)
	if err != nil && (ctx.Err() == nil || len(newest) == 0) {
		return nil, fmt.Errorf("reading the newest events: %w", err)
	}
	problems, err := e.foldProblems(ctx, newest)
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("reading histories: %w", err)
	}
	keyless := e.mostWithoutOrder(newest)
	for _, event := range newest {
		var decoding error
		switch {
		case event.Key == "" && keyless != nil:
			decoding = keyless
		case event.Schema != nil:
			decoding = event.Schema
		}
		c.Add(string(event.Type), decoding, problems[place{event.Key, event.Position}])
	}
	return &c, nil
}

// mostWithoutOrder is an error if most events name no order: then their key is read wrongly. A few are a finding about each.
func (e *Events) mostWithoutOrder(events []order.Event) error {
	without := 0
	for _, event := range events {
		if event.Key == "" {
			without++
		}
	}
	if 2*without <= len(events) {
		return nil
	}
	why := fmt.Sprintf("its key is no order's: %s is no %s", e.config.Key, e.keyType)
	switch {
	case e.config.Strip != "":
		why = fmt.Sprintf("its key is no order's: what follows %q in %s is no %s as PostgreSQL writes it", e.config.Strip, e.stored, e.keyType)
	case e.stored != "" && e.keyType != order.KeyText:
		why = fmt.Sprintf("its key is no order's: %s is no %s as PostgreSQL writes it; key: %s reads other spellings", e.stored, e.keyType,
			yamlText("("+e.stored+")::"+keyCast(e.keyType)))
	}
	return errors.New(why)
}

func (e *Events) newest(ctx context.Context) ([]order.Event, error) {
	var newest []order.Event
	ignored := e.config.Rules.IgnoredTypes() // they are only read where positions count within one order
	err := e.tolerant(ctx, func(e *Events) error {
		newest = newest[:0]
		return e.each(ctx, e.side.pool, func(event order.Event) {
			if !slices.Contains(ignored, string(event.Type)) {
				newest = append(newest, event)
			}
		}, fmt.Sprintf("%s %s LIMIT %d", e.selecting(), e.config.newestFirst(), censusEvents))
	}, newestFailing)
	return newest, err
}

// countIgnored looks at the table as it is, because other queries do not see ignored events.
func (e *Events) countIgnored(ctx context.Context, c *order.Census) error {
	ignored := e.config.Rules.IgnoredTypes()
	if len(ignored) == 0 {
		return nil
	}
	rows, err := e.side.pool.Query(ctx, fmt.Sprintf(`SELECT crosscheck_type, count(*) FROM
		(SELECT (%s)::text AS crosscheck_type FROM %s AS t %s LIMIT %d) AS newest
		WHERE crosscheck_type = ANY($1::text[]) GROUP BY 1`, e.config.Type, e.within(), e.config.newestFirst(), censusEvents), ignored)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var eventType string
		var n int
		if err := rows.Scan(&eventType, &n); err != nil {
			return err
		}
		c.Ignore(eventType, n)
	}
	return rows.Err()
}

// place is where an event is in the history of its order.
type place struct {
	key      order.Key
	position order.Position
}

// foldProblems folds the orders of some events from their beginning, and returns the first problem at each place.
func (e *Events) foldProblems(ctx context.Context, newest []order.Event) (map[place]string, error) {
	keys := map[order.Key]bool{}
	for _, event := range newest {
		if event.Key != "" && len(keys) < censusOrders {
			keys[event.Key] = true
		}
	}
	states := map[order.Key]*order.State{}
	problems := map[place]string{}
	// In the order of positions, so that what the limit leaves is the beginning of each history.
	of, args := e.ofKeys(slices.Sorted(maps.Keys(keys)))
	err := e.tolerant(ctx, func(e *Events) error {
		clear(states)
		query := fmt.Sprintf("%s WHERE %s ORDER BY (%s)::bigint NULLS LAST LIMIT %d", e.selecting(), of, e.config.Position, censusHistory)
		return e.each(ctx, e.side.pool, func(event order.Event) {
			state := states[event.Key]
			if state == nil {
				state = &order.State{}
				states[event.Key] = state
			}
			for _, p := range state.Apply(event) {
				at := place{event.Key, p.Position}
				if _, known := problems[at]; !known {
					problems[at] = p.Detail
				}
			}
		}, query, args...)
	}, failingOf(of, args...))
	return problems, err
}
