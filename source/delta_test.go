package source_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// chain makes passes that know of each other.
type chain struct {
	*pair
	c     *verify.Comparison
	store *ledgertest.Fake
}

func newChain(p *pair) *chain {
	c := p.comparison()
	return &chain{p, c, c.Ledger.(*ledgertest.Fake)}
}

func start() verify.Start { return verify.Start{Trigger: "manual", At: time.Now()} }

func (c *chain) delta() (verify.Pass, []string) {
	c.t.Helper()
	return c.run(c.c, c.store, func(l lease.Lease) (verify.Pass, error) { return c.c.Delta(c.t.Context(), l, start()) })
}

// clean makes a full pass that must find nothing.
func (c *chain) clean() {
	c.t.Helper()
	pass, found := c.run(c.c, c.store, func(l lease.Lease) (verify.Pass, error) { return c.c.Full(c.t.Context(), l, start()) })
	if pass.Result.Verdict != compare.Match {
		c.t.Fatalf("the full pass ended %+v with %v", pass.Result, found)
	}
}

// instead is why a pass is full and no delta; empty if it is a delta.
func instead(p verify.Pass) string {
	if f, ok := p.Scan.Facts.(verify.FullFacts); ok {
		return f.Instead
	}
	return ""
}

const thousand = `CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, filled numeric);
	INSERT INTO orders SELECT g, 'OPEN', g FROM generate_series(1, 1000) g`

func deltaPair(t *testing.T) *pair {
	return newPair(t, []source.Field{field("status", order.Text), field("filled", order.Numeric)}).anew()
}

// anew is the pair with a thousand orders and nothing else.
func (p *pair) anew() *pair {
	p.t.Helper()
	p.both("DROP SCHEMA public CASCADE; CREATE SCHEMA public; " + thousand)
	return p
}

func TestDeltaComparesOnlyWhatChanged(t *testing.T) {
	c := newChain(deltaPair(t))
	first, _ := c.delta()
	if first.Kind != verify.Full || !strings.Contains(instead(first), "no full pass") {
		t.Fatalf("without a pass before it, the delta is %s: %+v", first.Kind, first.Scan)
	}
	c.both("UPDATE orders SET filled = 5 WHERE order_id = 7; DELETE FROM orders WHERE order_id = 8; INSERT INTO orders VALUES (2000, 'OPEN', 1)")
	pass, _ := c.delta()
	facts, ok := pass.Scan.Facts.(verify.DeltaFacts)
	if !ok || pass.Result.Verdict != compare.Match || pass.Scan.Compared != 2 || pass.Scan.Coverage != 1 {
		t.Fatalf("pass ended %+v", pass)
	}
	if facts.Full != first.ID || facts.Since != first.ID || facts.Rows != (verify.Rows{Legacy: 1000, Projection: 1000}) || facts.Changed != (verify.Rows{Legacy: 2, Projection: 2}) {
		t.Errorf("facts are %+v", facts)
	}
	nothing, _ := c.delta()
	if facts, _ := nothing.Scan.Facts.(verify.DeltaFacts); nothing.Result.Verdict != compare.Match || nothing.Scan.Compared != 0 || facts.Since != pass.ID || facts.Full != first.ID {
		t.Errorf("with nothing changed, the pass ended %+v", nothing)
	}
	c.exec(c.projection, "UPDATE orders SET filled = 6 WHERE order_id = 7")
	if pass, found := c.delta(); pass.Kind != verify.Delta || !slices.Equal(found, []string{"7 differs filled"}) {
		t.Errorf("found %v by %s", found, pass.Kind)
	}
	if pass, found := c.delta(); pass.Scan.Compared != 1 || !slices.Equal(found, []string{"7 differs filled"}) {
		t.Errorf("found %v again, of %d orders", found, pass.Scan.Compared)
	}
	c.exec(c.projection, "UPDATE orders SET filled = 5 WHERE order_id = 7")
	if pass, _ := c.delta(); pass.Result.Verdict != compare.Match {
		t.Errorf("after the repair the pass ended %+v", pass.Result)
	}
}

// TestDeltaOfManyNewRows: so many that they are read once more, with digests and in two batches, although no old row was written.
func TestDeltaOfManyNewRows(t *testing.T) {
	c := newChain(deltaPair(t))
	c.clean()
	c.both("INSERT INTO orders SELECT g, 'OPEN', g FROM generate_series(2001, 23000) g")
	c.exec(c.projection, "UPDATE orders SET filled = 0 WHERE order_id = 2500; DELETE FROM orders WHERE order_id = 2600; INSERT INTO orders VALUES (24000, 'OPEN', 1)")
	pass, found := c.delta()
	if pass.Kind != verify.Delta || pass.Scan.Compared != 21_001 || strings.Join(found, ", ") != "24000 phantom, 2500 differs filled, 2600 missing" {
		t.Errorf("a %s pass (%s) of %d orders found %v", pass.Kind, instead(pass), pass.Scan.Compared, found)
	}
}

// TestDeltaGoesOnFromKnownDivergences, accepted or not: they neither hide what is new nor make a full pass necessary.
func TestDeltaGoesOnFromKnownDivergences(t *testing.T) {
	c := newChain(deltaPair(t))
	c.exec(c.projection, "UPDATE orders SET filled = 0 WHERE order_id = 7; DELETE FROM orders WHERE order_id = 8; INSERT INTO orders VALUES (2000, 'OPEN', 1)")
	if pass, found := c.delta(); pass.Kind != verify.Full || len(found) != 3 {
		t.Fatalf("the %s pass found %v", pass.Kind, found)
	}
	c.store.Accept("7")
	c.store.Accept("8")
	for _, step := range []struct{ legacy, projection, found string }{
		{"", "", "2000 phantom, 7 differs filled, 8 missing"},
		{"", "UPDATE orders SET status = 'NEW' WHERE order_id = 9", "2000 phantom, 7 differs filled, 8 missing, 9 differs status"},
		{"", "UPDATE orders SET filled = 1 WHERE order_id = 7", "2000 phantom, 7 differs filled, 8 missing, 9 differs status"},
		{"DELETE FROM orders WHERE order_id = 8", "DELETE FROM orders WHERE order_id = 2000", "7 differs filled, 9 differs status"},
		{"UPDATE orders SET filled = 1 WHERE order_id = 7", "UPDATE orders SET status = 'OPEN' WHERE order_id = 9", ""},
	} {
		c.exec(c.legacy, step.legacy)
		c.exec(c.projection, step.projection)
		if pass, found := c.delta(); pass.Kind != verify.Delta || strings.Join(found, ", ") != step.found {
			t.Errorf("after %+v: a %s pass (%s) found %v", step, pass.Kind, instead(pass), found)
		}
		if accepted, err := c.store.Divergences(t.Context(), verify.Accepted, 10); err != nil || step.projection == "" && len(accepted) != 2 {
			t.Errorf("after %+v: %d accepted, %v", step, len(accepted), err)
		}
	}
	c.exec(c.projection, "DELETE FROM orders WHERE order_id = 10")
	if pass, found := c.delta(); pass.Kind != verify.Full || strings.Join(found, ", ") != "10 missing" {
		t.Errorf("a %s pass found %v", pass.Kind, found)
	}
}

// TestDeltaOfASlice: rows outside of it do not count, and may enter and leave it.
func TestDeltaOfASlice(t *testing.T) {
	p := deltaPair(t)
	p.config[0].Where, p.config[1].Where = "filled <> 0", "filled <> 0"
	c := newChain(p)
	c.both("INSERT INTO orders VALUES (2000, 'OPEN', 0)")
	c.clean()
	for _, step := range []struct{ both, projection, found, kind string }{
		{"UPDATE orders SET status = 'NEW' WHERE order_id = 5", "INSERT INTO orders VALUES (2001, 'OPEN', 0)", "", "delta"},
		{"", "UPDATE orders SET status = 'NEW' WHERE order_id = 6", "6 differs status", "delta"},
		{"UPDATE orders SET filled = 0 WHERE order_id = 7", "", "6 differs status", "delta"},
		{"UPDATE orders SET filled = 1 WHERE order_id = 2000", "", "6 differs status", "delta"},
		{"", "UPDATE orders SET filled = 1 WHERE order_id = 2001", "2001 phantom, 6 differs status", "delta"},
		{"", "UPDATE orders SET filled = 0 WHERE order_id IN (8, 2001)", "6 differs status, 8 missing", "full"},
		{"DELETE FROM orders WHERE order_id = 9", "", "6 differs status, 8 missing", "delta"},
		{"UPDATE orders SET filled = 0 WHERE order_id IN (6, 8)", "", "", "delta"},
	} {
		c.both(step.both)
		c.exec(c.projection, step.projection)
		if pass, found := c.delta(); string(pass.Kind) != step.kind || strings.Join(found, ", ") != step.found {
			t.Errorf("after %+v: a %s pass (%s) found %v", step, pass.Kind, instead(pass), found)
		}
	}
}

// TestDeltaReadsAllRowsOfAKey: without a unique key, an order has rows that were written and rows that were not.
func TestDeltaReadsAllRowsOfAKey(t *testing.T) {
	p := deltaPair(t)
	p.both("ALTER TABLE orders DROP CONSTRAINT orders_pkey; INSERT INTO orders VALUES (7, 'FILLED', 7)")
	c := newChain(p)
	c.clean()
	c.exec(c.legacy, "UPDATE orders SET status = 'NEW' WHERE order_id = 7 AND status = 'OPEN'")
	c.exec(c.projection, "UPDATE orders SET status = 'NEW' WHERE order_id = 7 AND status = 'FILLED'")
	for range 2 { // the second time it is known
		if pass, found := c.delta(); pass.Kind != verify.Delta || len(found) != 1 {
			t.Errorf("a %s pass found %v", pass.Kind, found)
		}
		c.exec(c.legacy, "UPDATE orders SET status = 'NEW' WHERE order_id = 7 AND status = 'FILLED'")
	}
}

// TestDeltaReadsTablesThatInherit: an index of the table does not know their keys.
func TestDeltaReadsTablesThatInherit(t *testing.T) {
	p := deltaPair(t)
	p.both("CREATE TABLE older (PRIMARY KEY (order_id)) INHERITS (orders)")
	c := newChain(p)
	c.clean()
	c.exec(c.legacy, "UPDATE orders SET filled = 5 WHERE order_id = 7; INSERT INTO older VALUES (7, 'OPEN', 6)")
	c.exec(c.projection, "UPDATE orders SET filled = 6 WHERE order_id = 7")
	if pass, found := c.delta(); len(found) != 1 || !strings.HasPrefix(found[0], "7 ") {
		t.Errorf("a %s pass found %v", pass.Kind, found)
	}
}

// TestDeltaSeesDeletedRows, also where as many rows are missing on both sides.
func TestDeltaSeesDeletedRows(t *testing.T) {
	p := deltaPair(t)
	for _, delete := range [][2]int{{5, 0}, {0, 5}, {5, 6}} {
		c := newChain(p.anew())
		c.clean()
		c.exec(c.legacy, fmt.Sprint("DELETE FROM orders WHERE order_id = ", delete[0]))
		c.exec(c.projection, fmt.Sprint("DELETE FROM orders WHERE order_id = ", delete[1]))
		pass, found := c.delta()
		var want []string
		if delete[0] != 0 {
			want = append(want, fmt.Sprint(delete[0], " phantom"))
		}
		if delete[1] != 0 {
			want = append(want, fmt.Sprint(delete[1], " missing"))
		}
		if diff := cmp.Diff(want, found); diff != "" || !strings.Contains(instead(pass), "deleted on one side") {
			t.Errorf("%v deleted: %s; %s", delete, diff, instead(pass))
		}
	}
}

// TestDeltaIsAFullPass wherever rows do not tell all that changed. Each change makes the orders differ without a row that a
// younger transaction has written, or might.
func TestDeltaIsAFullPass(t *testing.T) {
	p := deltaPair(t)
	const parted = "ALTER TABLE orders RENAME TO t; CREATE TABLE orders (LIKE t) PARTITION BY RANGE (order_id); ALTER TABLE orders ATTACH PARTITION t DEFAULT"
	const kept = "INSERT INTO orders SELECT g, 'OPEN', g FROM generate_series(1, 1000) g"
	for _, test := range []struct{ name, before, change, why string }{
		{"truncated", "", "TRUNCATE orders; " + kept, "rewritten"},
		{"rewritten", "", "VACUUM FULL orders", "rewritten"},
		{"another column", "ALTER TABLE orders ADD other text DEFAULT 'OPEN'", "ALTER TABLE orders DROP status; ALTER TABLE orders RENAME other TO status", "altered"},
		{"another default", "", "ALTER TABLE orders DROP status; ALTER TABLE orders ADD status text DEFAULT 'OPEN'", "altered"},
		{"replaced", "CREATE TABLE next (LIKE orders INCLUDING ALL); INSERT INTO next TABLE orders", "ALTER TABLE orders RENAME TO old; ALTER TABLE next RENAME TO orders", "replaced"},
		{"view", "ALTER TABLE orders RENAME TO t; CREATE VIEW orders AS TABLE t", "", "view"},
		{"materialized view", "ALTER TABLE orders RENAME TO t; CREATE MATERIALIZED VIEW orders AS TABLE t", "REFRESH MATERIALIZED VIEW orders", "materialized view"},
		{"enum", "CREATE TYPE s AS ENUM ('OPEN'); ALTER TABLE orders ALTER status TYPE s USING status::s", "ALTER TYPE s ADD VALUE 'NEW'; UPDATE orders SET status = status", "enum"},
		{"partition", parted, "ALTER TABLE orders DETACH PARTITION t; ALTER TABLE orders ATTACH PARTITION t DEFAULT", "partition"},
	} {
		p.anew()
		if test.before != "" {
			p.exec(p.projection, test.before)
		}
		c := newChain(p)
		c.clean()
		for sql := range strings.SplitSeq(test.change, "; ") {
			c.exec(c.projection, sql)
		}
		pass, found := c.delta()
		if why := instead(pass); pass.Kind != verify.Full || !strings.Contains(why, test.why) || pass.Result.Verdict != compare.Match {
			t.Errorf("%s: %s pass, because %q, ended %+v with %v", test.name, pass.Kind, why, pass.Result, found)
		} else {
			t.Logf("%s: %s", test.name, why)
		}
	}
}

// TestDeltaIsAFullPassForExpressions whose values do not belong to a row alone.
func TestDeltaIsAFullPassForExpressions(t *testing.T) {
	p := deltaPair(t)
	for _, test := range []struct{ expr, why string }{
		{"(SELECT s.name FROM public.states AS s WHERE s.id = filled % 2)", "public.states"},
		{"(SELECT o.status FROM public.orders AS o WHERE o.order_id = t.order_id % 7)", "other rows"},
		{"public.named(status)", "public.named"},
		{"status || (now() > '2000-01-01'::timestamptz)::text", "now"},
		{"status || CURRENT_DATE", "moment"},
		{"public.fixed(status)", ""},
		{"public.inlined(status)", ""},
		{"status || public.constant()", ""},
		{"upper(status) || to_char(filled, 'FM999')", ""},
	} {
		p.anew().both(`CREATE TABLE states (id numeric, name text); INSERT INTO states VALUES (0, 'a'), (1, 'b');
			CREATE FUNCTION named(s text) RETURNS text STABLE LANGUAGE plpgsql AS 'BEGIN RETURN s; END';
			CREATE FUNCTION fixed(s text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN s; END';
			CREATE FUNCTION inlined(s text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper(s)';
			CREATE FUNCTION constant() RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'`)
		for i := range p.config {
			p.config[i].Fields = slices.Clone(p.config[i].Fields)
			p.config[i].Fields[0].Expr = test.expr
		}
		c := newChain(p)
		c.clean()
		if pass, _ := c.delta(); (test.why == "") != (pass.Kind == verify.Delta) || !strings.Contains(instead(pass), test.why) {
			t.Errorf("%s: %s pass, because %q", test.expr, pass.Kind, instead(pass))
		}
		for name, body := range map[string]string{
			"fixed(s text)": "plpgsql AS 'BEGIN RETURN lower(s); END'", "inlined(s text)": "sql AS 'SELECT lower(s)'", "constant()": "plpgsql AS 'BEGIN RETURN 2; END'",
		} {
			if called, _, _ := strings.Cut(name, "("); !strings.Contains(test.expr, "public."+called) {
				continue
			}
			c.exec(c.projection, "CREATE OR REPLACE FUNCTION "+name+" RETURNS text IMMUTABLE LANGUAGE "+body)
			if pass, _ := c.delta(); pass.Kind != verify.Full || pass.Result.Verdict != compare.Diverged {
				t.Errorf("a replaced %s was not noticed: %s pass ended %+v", name, pass.Kind, pass.Result)
			}
		}
	}
}

// history is what happens on two sides between two passes.
type history struct {
	*chain
	random *rand.Rand
	next   int
	open   []*pgx.Conn // with a transaction that was begun before the pass
	ready  []string    // prepared transactions, as "side name"
	count  map[string]int
}

func (h *history) side(i int) *pgx.Conn { return []*pgx.Conn{h.legacy, h.projection}[i] }

// write is a change of a row, mostly of one that is there.
func (h *history) write() string {
	key := 1 + h.random.IntN(h.next+3)
	switch h.random.IntN(12) {
	case 0:
		return fmt.Sprintf("DELETE FROM orders WHERE order_id = %d", key)
	case 1, 2, 3:
		return fmt.Sprintf("INSERT INTO orders VALUES (%d, 'NEW', %d) ON CONFLICT DO NOTHING", key, h.random.IntN(3))
	case 4:
		if h.random.IntN(3) > 0 {
			break
		}
		return fmt.Sprintf("UPDATE orders SET order_id = %d WHERE order_id = %d AND NOT EXISTS (SELECT FROM orders WHERE order_id = %[1]d)", h.next+10+h.random.IntN(1000), key)
	case 5:
		return "SELECT * FROM orders WHERE order_id = " + strconv.Itoa(key) + " FOR UPDATE"
	}
	return fmt.Sprintf("UPDATE orders SET filled = %d, status = 'S%d' WHERE order_id = %d", h.random.IntN(3), h.random.IntN(2), key)
}

// writes begin a transaction, in part with a subtransaction.
func (h *history) writes() string {
	sql := "BEGIN; " + h.write()
	if h.random.IntN(3) == 0 {
		sql += "; SAVEPOINT s; " + h.write()
		if h.random.IntN(2) == 0 {
			sql += "; ROLLBACK TO s"
		}
	}
	return sql
}

func (h *history) step(i int) {
	h.t.Helper()
	c := h.side(i)
	what := []string{"commit", "commit", "commit", "both sides", "both sides", "abort", "late", "late", "prepared", "freeze", "vacuum"}[h.random.IntN(11)]
	h.count[what]++
	switch what {
	case "commit":
		h.try(c, h.writes()+"; COMMIT")
	case "both sides":
		sql := h.write()
		h.try(h.legacy, sql)
		h.try(h.projection, sql)
	case "abort":
		h.try(c, h.writes()+"; ROLLBACK")
	case "late":
		h.late(c)
	case "prepared":
		name := fmt.Sprintf("p%d_%d", i, h.random.Int64())
		conn := h.late(c)
		if tag, err := conn.Exec(h.t.Context(), "PREPARE TRANSACTION '"+name+"'"); err == nil && tag.String() == "PREPARE TRANSACTION" { // not if late was refused
			h.ready = append(h.ready, fmt.Sprint(i, " ", name))
		}
	case "freeze":
		h.exec(c, "VACUUM (FREEZE) orders")
	case "vacuum":
		h.exec(c, "VACUUM orders")
	}
}

// try writes, unless a transaction that is open holds a lock: it would be waited for without end.
func (h *history) try(c *pgx.Conn, sql string) {
	h.t.Helper()
	_, err := c.Exec(h.t.Context(), "SET lock_timeout = '50ms'; "+sql)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "55P03" { // lock_not_available
		h.count["refused"]++
	} else if err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	h.exec(c, "ROLLBACK; RESET lock_timeout")
}

// late begins a transaction that ends after the next pass, or not. It does not wait for locks of others.
func (h *history) late(c *pgx.Conn) *pgx.Conn {
	h.t.Helper()
	conn, err := pgx.ConnectConfig(h.t.Context(), c.Config())
	if err != nil {
		h.t.Fatal(err)
	}
	h.open = append(h.open, conn)
	if _, err := conn.Exec(h.t.Context(), "SET lock_timeout = 1; "+h.writes()); err != nil {
		_, _ = conn.Exec(h.t.Context(), "ROLLBACK")
	}
	return conn
}

// end ends some of the transactions that are open.
func (h *history) end(all bool) {
	h.open = slices.DeleteFunc(h.open, func(conn *pgx.Conn) bool {
		if !all && h.random.IntN(2) == 0 {
			return false
		}
		_, _ = conn.Exec(h.t.Context(), []string{"COMMIT", "ROLLBACK"}[h.random.IntN(2)])
		_ = conn.Close(h.t.Context())
		return true
	})
	h.ready = slices.DeleteFunc(h.ready, func(p string) bool {
		if !all && h.random.IntN(2) == 0 {
			return false
		}
		side, name, _ := strings.Cut(p, " ")
		h.exec(h.side(int(side[0]-'0')), []string{"COMMIT", "ROLLBACK"}[h.random.IntN(2)]+" PREPARED '"+name+"'")
		return true
	})
}

// rounds is how many histories are tried; more of them in soak.
func rounds(short int) int {
	if n, err := strconv.Atoi(os.Getenv("CROSSCHECK_DELTA_ROUNDS")); err == nil {
		return n
	}
	return short
}

// TestDeltaFindsWhatAFullPassFinds after random histories of writes on either side, rolled-back and late ones, deletes, changes
// of keys, prepared transactions, VACUUM FREEZE, over divergences that are repaired, accepted or neither. Every delta is compared with a full pass of the same moment.
func TestDeltaFindsWhatAFullPassFinds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("CROSSCHECK_SEED"), 10, 64); err == nil {
		seed = s
	}
	p := newPair(t, []source.Field{field("status", order.Text), field("filled", order.Numeric)})
	p.both(`CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, filled numeric);
		INSERT INTO orders SELECT g, 'OPEN', g FROM generate_series(1, 300) g`)
	h := &history{chain: newChain(p), random: rand.New(rand.NewPCG(seed, 1)), next: 300, count: map[string]int{}}
	defer h.end(true)
	h.clean()
	kinds, findings := map[verify.PassKind]int{}, 0
	diverged, over := map[verify.PassID]bool{}, 0 // passes that found something, and deltas that went on from one
	for round := range rounds(12) {
		for range 1 + h.random.IntN(8) {
			h.step(h.random.IntN(2))
		}
		h.end(false)
		pass, found := h.delta()
		want := h.alone()
		kinds[pass.Kind]++
		findings += len(want)
		diverged[pass.ID] = len(found) > 0
		if f, ok := pass.Scan.Facts.(verify.DeltaFacts); ok && diverged[f.Since] {
			over++
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Fatalf("seed %d, round %d: the %s pass (%s) differs from a full one: %s", seed, round, pass.Kind, instead(pass), diff)
		}
		switch h.random.IntN(3) {
		case 0:
			h.repair()
		case 1:
			h.accept(found)
		}
	}
	t.Logf("seed %d: %d deltas, %d of them over divergences, %d full passes instead, %d differences found; %v",
		seed, kinds[verify.Delta], over, kinds[verify.Full], findings, h.count)
	if kinds[verify.Delta] == 0 || over == 0 || findings == 0 {
		t.Error("nothing was proven")
	}
}

// alone is what a full pass finds that knows of no other.
func (h *history) alone() []string {
	h.t.Helper()
	c, store := *h.c, ledgertest.New(nil)
	c.Ledger = store
	_, found := h.run(&c, store, func(l lease.Lease) (verify.Pass, error) { return c.Full(h.t.Context(), l, start()) })
	return found
}

// accept accepts some of what a pass has found, as "key kind fields".
func (h *history) accept(found []string) {
	for _, text := range found {
		if key, _, _ := strings.Cut(text, " "); h.random.IntN(3) > 0 {
			h.store.Accept(order.Key(key))
			h.count["accepted"]++
		}
	}
}

// repair writes the projection as legacy is, and leaves what others have locked.
func (h *history) repair() {
	h.t.Helper()
	rows, err := h.legacy.Query(h.t.Context(), "SELECT order_id, status, filled::text FROM orders")
	if err != nil {
		h.t.Fatal(err)
	}
	type row struct {
		ID             int64
		Status, Filled *string
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		h.t.Fatal(err)
	}
	ctx := context.WithoutCancel(h.t.Context())
	_, _ = h.projection.Exec(ctx, "SET lock_timeout = 1")
	defer h.projection.Exec(ctx, "RESET lock_timeout") //nolint:errcheck // a test
	var keys []int64
	for _, r := range all {
		keys = append(keys, r.ID)
		_, _ = h.projection.Exec(ctx, `INSERT INTO orders AS o VALUES ($1, $2, $3::text::numeric) ON CONFLICT (order_id) DO UPDATE SET status = EXCLUDED.status, filled = EXCLUDED.filled
			WHERE (o.status, o.filled) IS DISTINCT FROM (EXCLUDED.status, EXCLUDED.filled)`, r.ID, r.Status, r.Filled)
	}
	_, _ = h.projection.Exec(ctx, "DELETE FROM orders WHERE order_id <> ALL($1)", keys)
}
