package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const (
	historySpan  = 18 * 30 * 24 * time.Hour // eighteen months
	historyQuiet = time.Hour                // between the last generated order and now
	historyBatch = 100_000                  // orders in one statement
)

var (
	// ErrOtherHistory is returned when the databases hold a history that was generated with other parameters.
	ErrOtherHistory = errors.New("the databases hold another history")
	// ErrCannotBackfill is returned for a backfilled history that cannot be generated.
	ErrCannotBackfill = errors.New("the history cannot be backfilled")
)

// History says what is generated before the desk opens. The same values give the same rows on any machine.
type History struct {
	// Orders is how many order ids are drawn. About three in a hundred stay gaps.
	Orders int64
	// Events says whether events, audit log and trades are generated too. Without them current_orders is a plain table
	// that is filled directly, and the desk stays closed. This is for benchmarks.
	Events bool
	// Store is the language of the event store; default OrdersStore.
	Store *Store
	// Backfilled is the share of the orders, in per cent, that are older than the shadow writes. Their events were written
	// afterwards by the lab's own backfill, from what legacy has kept of them. Only OrdersStore has the words for all of it.
	Backfilled int
	// WholeSeconds says that the clock of those old days had no fractions.
	WholeSeconds bool
	// Seed selects the history.
	Seed int64
	// End is when the last order was created. Zero means an hour before now, at a full hour.
	End time.Time
}

// cutOver is the newest order that the backfill has written; 0 if there was none.
func (h History) cutOver() int64 { return h.Orders * int64(h.Backfilled) / 100 }

// shape is what a backfilled history has besides its orders, for people and for the next run.
func (h History) shape() string {
	if h.Backfilled == 0 {
		return ""
	}
	return fmt.Sprintf("backfilled %d whole seconds %t", h.Backfilled, h.WholeSeconds)
}

func (h History) check() error {
	switch {
	case h.Backfilled < 0 || h.Backfilled > 100:
		return fmt.Errorf("%w: %d per cent", ErrCannotBackfill, h.Backfilled)
	case h.Backfilled > 0 && (!h.Events || h.store() != OrdersStore):
		return fmt.Errorf("%w without events in the words of the store %s", ErrCannotBackfill, OrdersStore.Name)
	default:
		return nil
	}
}

func (h History) store() *Store {
	if h.Store == nil {
		return OrdersStore
	}
	return h.Store
}

// Generate creates the tables in both databases and fills them. It does nothing to databases that already hold the same
// history.
func Generate(ctx context.Context, legacyDSN, eventsDSN string, h History) error {
	_, err := generate(ctx, legacyDSN, eventsDSN, h)
	return err
}

// generate reports whether there was anything to do.
func generate(ctx context.Context, legacyDSN, eventsDSN string, h History) (fresh bool, err error) {
	if h.End.IsZero() {
		h.End = time.Now().UTC().Add(-historyQuiet).Truncate(time.Hour)
	}
	if err := h.check(); err != nil {
		return false, err
	}
	if there, err := generated(ctx, legacyDSN, h); err != nil || there {
		return false, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	if h.Backfilled > 0 {
		g.SetLimit(1) // the backfill reads what legacy has
	}
	g.Go(func() error { return generateSide(gctx, legacyDSN, h, legacyTables(h)) })
	g.Go(func() error { return generateSide(gctx, eventsDSN, h, eventsTables(h, legacyDSN)) })
	if err := g.Wait(); err != nil {
		return false, err
	}
	if h.Events {
		if err := firstProjection(ctx, eventsDSN, h.store()); err != nil {
			return false, err
		}
	}
	return true, remember(ctx, legacyDSN, h)
}

// tables says how one database is filled.
type tables struct {
	before, after []string                               // scripts
	fill          map[string]string                      // table with columns → script with its rows
	more          func(context.Context, *pgx.Conn) error // the rest of the rows, before the scripts after; nil for none
	vacuum        []string
	identity      bool  // the keys come from a sequence that must continue after the history
	from          int64 // the order before the first one
}

func legacyTables(h History) tables {
	t := tables{
		before:   []string{"legacy"},
		after:    []string{"legacy_indexes"},
		fill:     map[string]string{"orders": "history_orders"},
		vacuum:   []string{"orders"},
		identity: true,
	}
	if h.Events {
		t.fill["audit_log (entity_id, timestamp, field_changed, old_value, new_value)"] = "history_audit_log"
		t.fill["trades (order_id, executed_at, quantity, price)"] = "history_trades"
		t.vacuum = append(t.vacuum, "audit_log", "trades")
	}
	return t
}

func eventsTables(h History, legacyDSN string) tables {
	s := h.store()
	if !h.Events {
		return tables{
			before: []string{s.script("store"), "projection", "current_orders_table"},
			after:  []string{s.script("indexes"), "current_orders_table_indexes"},
			fill:   map[string]string{"current_orders": "history_orders"},
			vacuum: []string{"current_orders"},
		}
	}
	t := tables{
		before: []string{s.script("store"), "projection"},
		after:  []string{s.script("indexes")},
		fill:   map[string]string{s.table + " (" + s.columns + ")": s.script("history")},
		vacuum: []string{s.table},
		from:   h.cutOver(),
	}
	if h.Backfilled > 0 {
		t.more = func(ctx context.Context, events *pgx.Conn) error {
			return backfillAll(ctx, legacyDSN, events, h.cutOver())
		}
	}
	return t
}

// generateSide fills one database over one connection.
func generateSide(ctx context.Context, dsn string, h History, t tables) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connecting to generate history: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := bulkSession(ctx, conn); err != nil {
		return err
	}
	if err := runScripts(ctx, conn, t.before); err != nil {
		return err
	}
	step := historySpan.Microseconds() / max(h.Orders, 1)
	for lo := t.from + 1; lo <= h.Orders; lo += historyBatch {
		hi := min(lo+historyBatch-1, h.Orders)
		// Simple protocol: CREATE TABLE AS takes no parameters from the server.
		args := []any{pgx.QueryExecModeSimpleProtocol, lo, hi, h.Seed, h.End.Add(-historySpan), step}
		if _, err := conn.Exec(ctx, script("history"), args...); err != nil {
			return fmt.Errorf("generating orders %d to %d: %w", lo, hi, err)
		}
		if lo <= h.cutOver() {
			if _, err := conn.Exec(ctx, script("history_old"), h.cutOver(), h.WholeSeconds, h.Seed); err != nil {
				return fmt.Errorf("losing records of orders %d to %d: %w", lo, hi, err)
			}
		}
		for into, rows := range t.fill {
			if _, err := conn.Exec(ctx, "INSERT INTO "+into+" "+script(rows)); err != nil {
				return fmt.Errorf("generating %s for orders %d to %d: %w", rows, lo, hi, err)
			}
		}
	}
	if t.more != nil {
		if err := t.more(ctx, conn); err != nil {
			return err
		}
	}
	if err := runScripts(ctx, conn, t.after); err != nil {
		return err
	}
	if t.identity {
		const advance = "SELECT setval(pg_get_serial_sequence('orders', 'order_id'), greatest($1::bigint, 1))"
		if _, err := conn.Exec(ctx, advance, h.Orders); err != nil {
			return fmt.Errorf("advancing the order ids: %w", err)
		}
	}
	return vacuum(ctx, conn, t.vacuum)
}

// firstProjection runs the projector itself to build the read model from the generated events.
func firstProjection(ctx context.Context, eventsDSN string, store *Store) error {
	conn, err := pgx.Connect(ctx, eventsDSN)
	if err != nil {
		return fmt.Errorf("connecting to project history: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := bulkSession(ctx, conn); err != nil {
		return err
	}
	for more := true; more; {
		if _, more, err = projectBatch(ctx, conn, store, faults{}); err != nil {
			return err
		}
	}
	if err := runScripts(ctx, conn, []string{"current_orders"}); err != nil {
		return err
	}
	return vacuum(ctx, conn, []string{"orders_projection", "current_orders"})
}

func bulkSession(ctx context.Context, conn *pgx.Conn) error {
	const settings = "SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; SET TimeZone = 'UTC'; SET jit = off"
	if _, err := conn.Exec(ctx, settings); err != nil {
		return fmt.Errorf("preparing the session: %w", err)
	}
	return nil
}

func runScripts(ctx context.Context, conn *pgx.Conn, names []string) error {
	for _, name := range names {
		if _, err := conn.Exec(ctx, script(name)); err != nil {
			return fmt.Errorf("running schema/%s.sql: %w", name, err)
		}
	}
	return nil
}

func vacuum(ctx context.Context, conn *pgx.Conn, tables []string) error {
	for _, table := range tables {
		if _, err := conn.Exec(ctx, "VACUUM (ANALYZE) "+table); err != nil {
			return fmt.Errorf("vacuuming %s: %w", table, err)
		}
	}
	return nil
}
