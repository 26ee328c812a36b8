package source_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

const (
	plainOrders = "CREATE TABLE orders (order_id bigint PRIMARY KEY, status text); INSERT INTO orders SELECT n, 'OPEN' FROM generate_series(1, 9) n;"
	refill      = "CREATE TEMP TABLE keep AS TABLE orders; TRUNCATE orders; INSERT INTO orders TABLE keep"
	partitioned = `CREATE TABLE orders (order_id bigint, status text) PARTITION BY RANGE (order_id);
		CREATE TABLE low PARTITION OF orders FOR VALUES FROM (1) TO (5); CREATE TABLE high PARTITION OF orders FOR VALUES FROM (5) TO (100);
		INSERT INTO orders SELECT n, 'OPEN' FROM generate_series(1, 9) n;`
)

// TestAReadThatWaitedForAChangeOfTheTableSeesAllRows: TRUNCATE, rewriting ALTER TABLE and swaps are not MVCC-safe.
// A look at orders waits for them, and then sees all orders.
func TestAReadThatWaitedForAChangeOfTheTableSeesAllRows(t *testing.T) {
	for name, test := range map[string]struct{ setup, change, table string }{
		"truncated and filled again":           {plainOrders, refill, ""},
		"deleted and filled again":             {plainOrders, "LOCK TABLE orders; CREATE TEMP TABLE keep AS TABLE orders; DELETE FROM orders; INSERT INTO orders TABLE keep", ""},
		"type of a column changed":             {plainOrders, "ALTER TABLE orders ALTER status TYPE varchar(9) USING status || ''", ""},
		"clustered":                            {plainOrders, "CLUSTER orders USING orders_pkey", ""},
		"another table under its name":         {plainOrders, "CREATE TABLE new (LIKE orders INCLUDING ALL); INSERT INTO new TABLE orders; ALTER TABLE orders RENAME TO old; ALTER TABLE new RENAME TO orders", ""},
		"an older table under its name":        {plainOrders + "CREATE TABLE new (LIKE orders INCLUDING ALL)", "INSERT INTO new TABLE orders; ALTER TABLE orders RENAME TO old; ALTER TABLE new RENAME TO orders", ""},
		"behind a subquery":                    {plainOrders, refill, "(SELECT * FROM public.orders WHERE order_id > 0)"},
		"behind a view":                        {plainOrders + "CREATE VIEW seen AS SELECT * FROM orders", refill, "public.seen"},
		"behind a view, joined":                {plainOrders + "CREATE TABLE other AS SELECT order_id AS k FROM orders; CREATE VIEW seen AS SELECT orders.* FROM other LEFT JOIN orders ON order_id = k", refill, "public.seen"},
		"a view replaced":                      {plainOrders + "CREATE VIEW seen AS TABLE orders", "CREATE TABLE new AS TABLE orders; CREATE OR REPLACE VIEW seen AS TABLE new", "public.seen"},
		"a materialized view":                  {plainOrders + "CREATE MATERIALIZED VIEW seen AS TABLE orders", "REFRESH MATERIALIZED VIEW seen", "public.seen"},
		"a materialized view made anew":        {plainOrders + "CREATE MATERIALIZED VIEW seen AS TABLE orders", "DROP MATERIALIZED VIEW seen; CREATE MATERIALIZED VIEW seen AS TABLE orders", "public.seen"},
		"all partitions":                       {partitioned, refill, ""},
		"a partition":                          {partitioned, "CREATE TEMP TABLE keep AS TABLE low; TRUNCATE low; INSERT INTO low TABLE keep", ""},
		"a partition replaced":                 {partitioned, "CREATE TABLE new AS TABLE low; ALTER TABLE orders DETACH PARTITION low; ALTER TABLE orders ATTACH PARTITION new FOR VALUES FROM (1) TO (5)", ""},
		"a partition replaced by an older one": {partitioned + "CREATE TABLE new (LIKE low)", "INSERT INTO new TABLE low; ALTER TABLE orders DETACH PARTITION low; ALTER TABLE orders ATTACH PARTITION new FOR VALUES FROM (1) TO (5)", ""},
		"a child":                              {plainOrders + "CREATE TABLE child () INHERITS (orders); INSERT INTO child VALUES (10, 'OPEN')", "CREATE TEMP TABLE keep AS TABLE child; TRUNCATE child; INSERT INTO child TABLE keep", ""},
	} {
		t.Run(name, func(t *testing.T) {
			role := newRole(t)
			p := newPair(t, one(textField("status")))
			p.exec(p.projection, test.setup)
			if test.table != "" {
				p.config[1].Table = test.table
			}
			p.exec(p.legacy, plainOrders)
			for _, relation := range []string{"orders", "seen", "new"} { // rights on columns are enough
				p.exec(p.projection, "DO $$ BEGIN IF to_regclass('"+relation+"') IS NOT NULL THEN GRANT SELECT (order_id, status) ON "+relation+" TO "+role+"; END IF; END $$")
			}
			p.exec(p.projection, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO "+role)
			p.config[1].DSN = as(t, p.config[1].DSN, url.User(role))
			_, side := p.open()
			whileChanged(t, p.projection, test.change, func(ctx context.Context) {
				n, err := side.Begin(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				defer n.Close()
				rows, err := n.Rows(ctx, []order.Key{"1", "2", "3", "4", "5", "6", "7", "8", "9"})
				if err != nil || len(rows) != 9 {
					t.Errorf("%d orders were read, %v", len(rows), err)
				}
			})
		})
	}
}

// whileChanged makes a change in a transaction, commits it when the read waits for it, and waits for the read.
func whileChanged(t *testing.T, conn *pgx.Conn, change string, read func(context.Context)) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), "BEGIN; "+change); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); read(ctx) }()
	for waiting := false; !waiting && ctx.Err() == nil; {
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))").Scan(&waiting); err != nil {
			t.Error(err)
		}
		select {
		case <-done:
			t.Fatal("the read did not wait")
		default:
		}
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Error(err)
	}
	<-done
}

// TestAReadThatWaitedForAChangeOfEventsOrRecordsSeesAll: of event store, audit log and trades as of orders.
func TestAReadThatWaitedForAChangeOfEventsOrRecordsSeesAll(t *testing.T) {
	c := newChronicle(t)
	c.exec(`TRUNCATE event_store; INSERT INTO event_store (order_id, event_type, timestamp, payload)
			SELECT i, 'OrderCreated', '2024-01-01', '{"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100, "price": 10}' FROM generate_series(1, 9) AS i;
		INSERT INTO audit_log VALUES (1, '2024-01-01', 'status', NULL, 'OPEN'); INSERT INTO trades VALUES (1, '2024-01-01', 1, 1)`)
	fold := openFold(t, source.FoldConfig{Events: c.events})
	events := openEvents(t, c.events)
	legacy, err := source.Open(t.Context(), c.legacy)
	if err != nil {
		t.Fatal(err)
	}
	defer legacy.Close()
	records := &source.Records{Legacy: legacy, Config: c.history}
	counts := map[string]func(context.Context) (int, error){
		"event_store": func(ctx context.Context) (int, error) {
			n, err := fold.Begin(ctx)
			if err != nil {
				return 0, err
			}
			defer n.Close()
			rows, err := n.Rows(ctx, []order.Key{"1"})
			return len(rows), err
		},
		"event_store in histories": func(ctx context.Context) (int, error) {
			h, err := events.Histories(ctx, []order.Key{"1"})
			return len(h["1"]), err
		},
		"event_store in positions": func(ctx context.Context) (n int, err error) {
			all := make([]order.Position, 200)
			for i := range all {
				all[i] = order.Position(i)
			}
			err = events.Rows(ctx, all, func(order.StoredRow) error { n++; return nil })
			return n / 9, err
		},
		"audit_log": func(ctx context.Context) (int, error) {
			h, err := records.Records(ctx, []order.Key{"1"})
			return len(h["1"].Audit), err
		},
		"trades": func(ctx context.Context) (int, error) {
			h, err := records.Records(ctx, []order.Key{"1"})
			return len(h["1"].Trades), err
		},
	}
	for name, count := range counts {
		table, _, _ := strings.Cut(name, " ")
		whileChanged(t, c.conn, "CREATE TEMP TABLE keep ON COMMIT DROP AS TABLE "+table+"; TRUNCATE "+table+"; INSERT INTO "+table+" TABLE keep", func(ctx context.Context) {
			if n, err := count(ctx); n != 1 || err != nil {
				t.Errorf("%s: %d were read, %v", name, n, err)
			}
		})
	}
}
