package source_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestSeveralConnectionsDigestOneSnapshot: the result is that of one connection, rows that came later are not in it, and where
// a side cannot be divided, one connection does it and the log says why.
func TestSeveralConnectionsDigestOneSnapshot(t *testing.T) {
	p := newPair(t, []source.Field{field("status", order.Text), field("filled", order.Numeric)})
	p.config[0].GroupBy, p.config[0].Connections = "status", 3
	p.exec(p.legacy, `CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, filled text);
		INSERT INTO orders SELECT g, (ARRAY['OPEN', 'FILLED'])[1 + g % 2], g FROM generate_series(1, 20000) g;
		CREATE VIEW shown AS SELECT * FROM orders; ANALYZE orders`)
	plain := p.config[0]
	plain.Fields = slices.Clone(plain.Fields)
	plain.Fields[1].Expr = "filled::numeric"
	view, sliced, wrong := plain, plain, plain
	view.Table, sliced.Where = "public.shown", "order_id > 0"
	wrong.Fields = slices.Clone(plain.Fields)
	wrong.Fields[1].Expr = "(CASE WHEN order_id = 19999 THEN 'x' ELSE filled END)::numeric"
	alone := plain
	alone.Connections = 1
	for name, test := range map[string]struct {
		config source.Config
		pieces int
		log    string
	}{
		"table":       {plain, 3, ""},
		"view":        {view, 1, "no ranges of blocks"},
		"slice":       {sliced, 3, ""},
		"a row fails": {wrong, 1, ""},
	} {
		for _, l := range []verify.Layout{{Whole: true}, {Shift: 6}} {
			want := test.config
			want.Connections = 1
			var logged bytes.Buffer
			got, pieces := digestOnce(t, test.config, l, &logged, func() {})
			if diff := cmp.Diff(digestsOf(digestOnce(t, want, l, &bytes.Buffer{}, func() {})), got); diff != "" {
				t.Errorf("%s, %+v: by one connection (-), and by three (+):\n%.2000s", name, l, diff)
			}
			if said := strings.Contains(logged.String(), "fewer connections"); pieces < test.pieces || said != (test.log != "") || !strings.Contains(logged.String(), test.log) {
				t.Errorf("%s, %+v: %d pieces, log %s", name, l, pieces, logged.String())
			}
		}
	}
	before := digestsOf(digestOnce(t, alone, verify.Layout{Whole: true}, &bytes.Buffer{}, func() {}))
	later := digestsOf(digestOnce(t, plain, verify.Layout{Whole: true}, &bytes.Buffer{}, func() {
		p.exec(p.legacy, "DELETE FROM orders WHERE order_id < 100; INSERT INTO orders SELECT g, 'NEW', g FROM generate_series(30000, 50000) g")
	}))
	if diff := cmp.Diff(before, later); diff != "" {
		t.Errorf("in the snapshot (-), and by three connections after a change (+):\n%s", diff)
	}
}

func digestsOf(found []verify.Digest, _ int) []verify.Digest { return found }

// digestOnce digests a side in a snapshot, after a change, and counts the pieces in which it was read.
func digestOnce(t *testing.T, c source.Config, l verify.Layout, log *bytes.Buffer, change func()) ([]verify.Digest, int) {
	t.Helper()
	side, err := source.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	side.LogTo(slog.New(slog.NewTextHandler(log, nil)))
	n, err := side.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	change()
	var mu sync.Mutex
	pieces := 0
	found, err := n.Digests(t.Context(), verify.DigestQuery{Layout: l, Hash: verify.Hash{Seed: 7}}, func(int64) {
		mu.Lock()
		defer mu.Unlock()
		pieces++
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(found, func(a, b verify.Digest) int {
		if a.Bucket != b.Bucket {
			return int(a.Bucket - b.Bucket)
		}
		return strings.Compare(a.Group.Text, b.Group.Text)
	})
	if _, err := n.Rows(t.Context(), []order.Key{"7"}); err != nil {
		t.Errorf("the snapshot cannot be used any more: %v", err)
	}
	return found, pieces
}

// TestDoctorSaysWhatConnectionsDo where more than one is configured.
func TestDoctorSaysWhatConnectionsDo(t *testing.T) {
	p := newPair(t, []source.Field{field("status", order.Text)})
	p.both("CREATE TABLE orders (order_id bigint PRIMARY KEY, status text)")
	p.exec(p.projection, "CREATE VIEW shown AS SELECT * FROM orders")
	p.config[0].Connections, p.config[1].Connections, p.config[1].Table = 4, 4, "public.shown"
	levels := map[string]doctor.Level{}
	for _, f := range source.Diagnose(t.Context(), p.config[0], p.config[1], time.Now) {
		if f.Check == source.CheckConnections {
			levels[f.Side] = f.Level
		}
	}
	if levels["legacy"] != doctor.OK || levels["projection"] != doctor.Warning {
		t.Errorf("found %v", levels)
	}
}
