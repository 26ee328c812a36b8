package source_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// encoded gives a side a database in an encoding, in which statements are run as bytes.
func (p *pair) encoded(side int, encoding string) *pgx.Conn {
	p.t.Helper()
	dsn := pgtest.DatabaseIn(p.t, encoding)
	conn, err := pgx.Connect(p.t.Context(), dsn+"&client_encoding=SQL_ASCII")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(p.t.Context())) })
	p.config[side].DSN = dsn
	if side == 0 {
		p.legacy = conn
	} else {
		p.projection = conn
	}
	return conn
}

// encodingCases have one word as the encoding stores it, and as UTF-8; and bytes that the server cannot convert, if there are.
var encodingCases = map[string]struct{ stored, text, odd string }{
	"LATIN1":    {"caf\xe9", "café", ""},
	"WIN1252":   {"5 \x80", "5 €", "5 \x81"},
	"EUC_JP":    {"\xc6\xfc\xcb\xdc", "日本", "\xa9\xa1"},
	"SQL_ASCII": {"caf\xc3\xa9", "café", "caf\xe9"},
}

// TestAnyEncodingIsCompared: text beyond ASCII is the same text in every encoding, and what is no text ends no pass.
func TestAnyEncodingIsCompared(t *testing.T) {
	t.Parallel()
	for name, test := range encodingCases {
		for side, of := range []string{"legacy", "projection"} {
			t.Run(name+" "+of, func(t *testing.T) {
				p := newPair(t, []source.Field{textField("status"), textField("note")})
				p.encoded(side, name)
				notes := [2]string{test.text, test.text}
				notes[side] = test.stored
				for i, conn := range []*pgx.Conn{p.legacy, p.projection} {
					p.exec(conn, fmt.Sprintf(`CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, note text);
						INSERT INTO orders SELECT n, 'OPEN', CASE WHEN n %% 3 = 0 THEN '%s' ELSE 'plain' END FROM generate_series(1, 5000) n`, notes[i]))
				}
				p.exec(p.projection, "UPDATE orders SET status = 'FILLED' WHERE order_id = 99")
				want := []string{"99 differs status"}
				if test.odd != "" {
					p.exec([]*pgx.Conn{p.legacy, p.projection}[side], "UPDATE orders SET note = '"+test.odd+"' WHERE order_id = 17")
					want = []string{"17 differs note", "99 differs status"}
				}
				pass, got := p.full()
				if diff := cmp.Diff(want, got); diff != "" || pass.Scan.Coverage != 1 {
					t.Errorf("coverage %v: %s", pass.Scan.Coverage, diff)
				}
			})
		}
	}
}

// TestBytesAreComparedAsBytes: what both sides hold alike agrees, whatever it is.
func TestBytesAreComparedAsBytes(t *testing.T) {
	p := newPair(t, one(textField("note")))
	for side := range 2 {
		p.exec(p.encoded(side, "SQL_ASCII"), `CREATE TABLE orders (order_id bigint PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'caf`+"\xe9"+`'), (2, 'caf`+"\xc3\xa9"+`'), (3, 'x'), (4, '`+"\xe9\xe8"+`')`)
	}
	p.exec(p.projection, "UPDATE orders SET note = '\xe9\xe9' WHERE order_id = 4; UPDATE orders SET note = 'y' WHERE order_id = 3")
	if _, got := p.full(); !cmp.Equal(got, []string{"3 differs note", "4 differs note"}) {
		t.Error(got)
	}
}

// TestKeysOfAnyEncoding: keys that the two servers would sort differently accuse nobody.
func TestKeysOfAnyEncoding(t *testing.T) {
	for name, test := range encodingCases {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, one(textField("status")))
			p.encoded(0, name)
			keys := [2]string{test.stored, test.text}
			for i, conn := range []*pgx.Conn{p.legacy, p.projection} {
				p.exec(conn, fmt.Sprintf(`CREATE TABLE orders (order_id text PRIMARY KEY, status text);
					INSERT INTO orders SELECT n::text, 'OPEN' FROM generate_series(1, 2000) n; INSERT INTO orders VALUES ('%[1]s', 'OPEN'), ('z%[1]s', 'OPEN'), ('zz', 'OPEN')`, keys[i]))
			}
			p.exec(p.projection, "UPDATE orders SET status = 'FILLED' WHERE order_id = '99'")
			if test.odd != "" {
				p.exec(p.legacy, "INSERT INTO orders VALUES ('"+test.odd+"', 'OPEN')")
			}
			pass, got := p.full()
			if diff := cmp.Diff([]string{"99 differs status"}, got); diff != "" {
				t.Error(diff)
			}
			if spelt := name == "LATIN1" || name == "SQL_ASCII" && test.odd == ""; spelt != (pass.Scan.Coverage == 1) {
				t.Errorf("coverage %v: %s", pass.Scan.Coverage, pass.Scan.Reason)
			}
			if pass.Result.Verdict != compare.Diverged {
				t.Errorf("ended %+v", pass.Result)
			}
		})
	}
}

// TestEventsOfAnyEncoding: payloads are read as text of their encoding, by lookup, by fold and by position.
func TestEventsOfAnyEncoding(t *testing.T) {
	for name, test := range encodingCases {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, nil)
			conn := p.encoded(0, name)
			p.exec(conn, fmt.Sprintf(`CREATE TABLE events (event_id bigint PRIMARY KEY, order_id text, event_type text, "timestamp" timestamptz, payload json);
				INSERT INTO events VALUES (1, 'a', 'OrderCreated', now(), '{"trader_id": 7, "symbol": "%[1]s", "side": "BUY", "quantity": 1, "price": 1}'), (2, '%[1]s', 'OrderCreated', now(), '{"trader_id": 7, "symbol": "x", "side": "BUY", "quantity": 1, "price": 1}')`, test.stored))
			if test.odd != "" {
				p.exec(conn, fmt.Sprintf(`INSERT INTO events VALUES (3, 'c', 'OrderCreated', now(), '{"trader_id": 7, "symbol": "%[1]s", "side": "BUY", "quantity": 1, "price": 1}'), (4, '%[1]s', '%[1]s', now(), '{}')`, test.odd))
			}
			config := source.EventsConfig{DSN: p.config[0].DSN, Table: "public.events", Position: "event_id", Key: "order_id", Type: "event_type", At: `"timestamp"`, Payload: "payload", Rules: order.Defaults()}
			e, err := source.OpenEvents(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			histories, err := e.Histories(t.Context(), []order.Key{"a", order.Key(test.text), "c", "∑"})
			if err != nil {
				t.Fatal(err)
			}
			if len(histories["a"]) != 1 || len(histories[order.Key(test.text)]) != 1 || (len(histories["c"]) == 1) != (test.odd != "") {
				t.Errorf("histories %v", histories)
			}
			symbol := order.Field{Name: "symbol", Type: order.Text}
			if state, _ := order.Fold(histories["a"]); func() string { v, _ := state.Value("symbol"); return v.Text }() != test.text {
				t.Errorf("folded by lookup: %+v", histories["a"])
			}
			fold, err := source.OpenFold(t.Context(), source.FoldConfig{Events: config, Fields: []order.Field{symbol}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(fold.Close)
			if got := scanned(t, fold)["a"]; got != test.text {
				t.Errorf("folded by scan: %q", got)
			}
			var keys []string
			err = e.Rows(t.Context(), []order.Position{1, 2, 3, 4}, func(r order.StoredRow) error { keys = append(keys, string(r.Key)); return nil })
			if err != nil || keys[1] != test.text {
				t.Errorf("keys by position %q: %v", keys, err)
			}
		})
	}
}

// TestHistoryOfAnyEncoding reads an audit log in another encoding.
func TestHistoryOfAnyEncoding(t *testing.T) {
	for name, test := range encodingCases {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, one(textField("status")))
			conn := p.encoded(0, name)
			word := test.stored
			if test.odd != "" {
				word = test.odd
			}
			p.exec(conn, fmt.Sprintf(`CREATE TABLE orders (order_id text PRIMARY KEY, status text); INSERT INTO orders VALUES ('%[2]s', 'OPEN');
				CREATE TABLE audit_log (entity_id text, "timestamp" timestamptz, field_changed text, old_value text, new_value text);
				INSERT INTO audit_log VALUES ('%[2]s', now(), 'status', '%[1]s', '%[2]s');
				CREATE TABLE trades (order_id text, executed_at timestamptz, quantity numeric, price numeric)`, word, test.stored))
			legacy, err := source.Open(t.Context(), p.config[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(legacy.Close)
			records := &source.Records{Legacy: legacy, Config: source.HistoryConfig{AuditLog: "public.audit_log", Trades: "public.trades"}}
			found, err := records.Records(t.Context(), []order.Key{order.Key(test.text)})
			if err != nil || len(found[order.Key(test.text)].Audit) != 1 || found[order.Key(test.text)].Audit[0].New.Text != test.text {
				t.Fatalf("%+v: %v", found, err)
			}
		})
	}
}

// TestEventsAreCountedAndReadInTheSameBuckets: a bucket by hash is computed here for the digests, and by the server for the rows.
func TestEventsAreCountedAndReadInTheSameBuckets(t *testing.T) {
	for name, test := range encodingCases {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, nil)
			conn := p.encoded(0, name)
			p.exec(conn, fmt.Sprintf(`CREATE TABLE events (event_id bigint PRIMARY KEY, order_id text, event_type text, "timestamp" timestamptz, payload json);
				INSERT INTO events SELECT n, CASE WHEN n %% 2 = 0 THEN '%s' ELSE 'a' END || n, 'OrderCreated', now(), '{"trader_id": 7, "symbol": "x", "side": "BUY", "quantity": 1, "price": 1}' FROM generate_series(1, 20) AS n`, test.stored))
			config := source.EventsConfig{DSN: p.config[0].DSN, Table: "public.events", Position: "event_id", Key: "order_id", Type: "event_type", At: `"timestamp"`, Payload: "payload", Rules: order.Defaults()}
			fold := openFold(t, source.FoldConfig{Events: config, Fields: []order.Field{statusField()}})
			for _, portable := range []bool{false, true} {
				l := verify.Layout{ByHash: true, Bits: 16, Hash: verify.Hash{Seed: 7, Portable: portable}}
				counted, read := map[int64]int64{}, map[int64]int64{}
				for _, d := range digests(t, fold, verify.DigestQuery{Layout: l, Hash: l.Hash}) {
					if !d.NullKey {
						counted[d.Bucket] += d.Rows
					}
				}
				n := begin(t, fold)
				for b := range counted {
					if err := n.Scan(t.Context(), l, []int64{b}, func(order.Row) error { read[b]++; return nil }); err != nil {
						t.Fatal(err)
					}
				}
				if d := cmp.Diff(counted, read); d != "" || len(read) < 10 {
					t.Errorf("portable %t: counted, and read: %s", portable, d)
				}
			}
		})
	}
}
