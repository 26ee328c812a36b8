package lab

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// The kinds of difference.
const (
	Missing   = "missing"   // the far side does not have the order, or the event
	Phantom   = "phantom"   // only the far side has it
	Differs   = "differs"   // both have it, with different fields
	Duplicate = "duplicate" // the stream has an event twice
	Gap       = "gap"       // the stream has lost what it had
	Disorder  = "disorder"  // the stream has an order's events in another order, or in more than one partition
)

// Planted is one order in which representations disagree, and how.
type Planted struct {
	OrderID int64    // 0 means the hop as a whole
	Kind    string   // how legacy and projection disagree, or how the stream does at EventsToStream; empty if a hop stands still
	Fields  []string // for Differs, in the order of Columns
	Fault   string   // the fault that planted it; empty in results of the brute force comparisons
	Hop     string   // the hop at which they part; empty in results of Differences
	Cause   string   // the cause that crosscheck should name; empty in results of the brute force comparisons
	Pass    string   // the pass that finds it; empty where Cause is
}

// Columns are the compared columns of orders and current_orders, without the key.
var Columns = []string{
	"trader_id", "symbol", "side", "quantity", "price", "status", "filled_quantity", "avg_fill_price", "created_at", "updated_at",
}

// Differences compares both sides by brute force: it copies the legacy table next to the projection and joins them in
// full. It uses no code of crosscheck, so that it can judge crosscheck. The result is valid only while nothing moves.
func Differences(ctx context.Context, legacyDSN, eventsDSN string) ([]Planted, error) {
	return beside(ctx, legacyDSN, eventsDSN, func(ctx context.Context, events *pgx.Conn) ([]Planted, error) {
		return fullJoin(ctx, events, "legacy_orders", "current_orders", "")
	})
}

// HopDifferences compares legacy, events and projection by brute force. It folds all events in SQL, and joins the
// result in full with each side. The result is valid only while nothing moves.
func HopDifferences(ctx context.Context, legacyDSN, eventsDSN string, store *Store) ([]Planted, error) {
	return beside(ctx, legacyDSN, eventsDSN, func(ctx context.Context, events *pgx.Conn) ([]Planted, error) {
		const plan = "SET enable_nestloop = off; SET jit = off; " // nothing has statistics here, and tables may be big
		if _, err := events.Exec(ctx, plan+strings.ReplaceAll(script("oracle"), "{{events}}", store.spoken)); err != nil {
			return nil, fmt.Errorf("folding all events: %w", err)
		}
		stored, err := fullJoin(ctx, events, "legacy_orders", "folded_orders", LegacyToEvents)
		if err != nil {
			return nil, err
		}
		projected, err := fullJoin(ctx, events, "folded_orders", "current_orders", EventsToProjection)
		all := append(stored, projected...)
		sortPlanted(all)
		return all, err
	})
}

// beside copies the legacy table into the events' database, as legacy_orders, and calls compare there.
func beside(ctx context.Context, legacyDSN, eventsDSN string, compare func(context.Context, *pgx.Conn) ([]Planted, error)) ([]Planted, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	legacy, err := pgx.Connect(ctx, legacyDSN)
	if err != nil {
		return nil, fmt.Errorf("connecting to legacy: %w", err)
	}
	defer legacy.Close(context.WithoutCancel(ctx))
	events, err := pgx.Connect(ctx, eventsDSN)
	if err != nil {
		return nil, fmt.Errorf("connecting to events: %w", err)
	}
	defer events.Close(context.WithoutCancel(ctx))
	if err := copyOrders(ctx, legacy, events); err != nil {
		return nil, err
	}
	return compare(ctx, events)
}

// copyOrders streams the legacy table into a temporary one in the other database.
func copyOrders(ctx context.Context, legacy, events *pgx.Conn) error {
	const columns = "SELECT order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, avg_fill_price, created_at, updated_at FROM "
	if _, err := events.Exec(ctx, "CREATE TEMPORARY TABLE legacy_orders AS "+columns+"current_orders WITH NO DATA"); err != nil {
		return fmt.Errorf("creating the copy of orders: %w", err)
	}
	const out = "COPY (" + columns + "orders) TO STDOUT (FORMAT binary)"
	r, w := io.Pipe()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		_, err := legacy.PgConn().CopyTo(gctx, w, out)
		_ = w.CloseWithError(err) // never fails; a nil error is the reader's EOF
		return err
	})
	g.Go(func() error {
		_, err := events.PgConn().CopyFrom(gctx, r, "COPY legacy_orders FROM STDIN (FORMAT binary)")
		_ = r.CloseWithError(err) // so that the writer does not wait for a reader that has gone
		return err
	})
	if err := g.Wait(); err != nil {
		return fmt.Errorf("copying orders: %w", err)
	}
	return nil
}

// fullJoin compares two tables of orders. An order that only the second one has is a phantom.
func fullJoin(ctx context.Context, events *pgx.Conn, near, far, hop string) ([]Planted, error) {
	differs, where := "", "l.order_id IS NULL OR p.order_id IS NULL"
	for i, c := range Columns {
		if i > 0 {
			differs += ", "
		}
		differs += fmt.Sprintf("CASE WHEN l.%[1]s IS DISTINCT FROM p.%[1]s THEN '%[1]s' END", c)
		where += fmt.Sprintf(" OR l.%[1]s IS DISTINCT FROM p.%[1]s", c)
	}
	sql := `SELECT coalesce(l.order_id, p.order_id),
		CASE WHEN p.order_id IS NULL THEN 'missing' WHEN l.order_id IS NULL THEN 'phantom' ELSE 'differs' END,
		array_remove(ARRAY[` + differs + `], NULL)
		FROM ` + near + ` AS l FULL JOIN ` + far + ` AS p ON p.order_id = l.order_id WHERE ` + where
	rows, err := events.Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("joining both sides: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Planted, error) {
		p := Planted{Hop: hop}
		err := row.Scan(&p.OrderID, &p.Kind, &p.Fields)
		if p.Kind != Differs {
			p.Fields = nil
		}
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading differences: %w", err)
	}
	sortPlanted(found)
	return found, nil
}

func sortPlanted(p []Planted) {
	slices.SortFunc(p, func(a, b Planted) int { return cmp.Compare(a.OrderID, b.OrderID) })
}
