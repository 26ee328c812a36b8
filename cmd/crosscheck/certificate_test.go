package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/certificate"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// TestACertificateOfACutover is made of a closed legacy only, proves its orders when legacy is gone, and names a changed byte.
func TestACertificateOfACutover(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	dir := filepath.Join(t.TempDir(), "certificate")
	create := []string{"certificate", "create", "--out", dir}
	s.does(exitDiverged, create...)
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	s.does(exitAgrees, "gate")
	s.does(exitAgrees, "cutover", "approve", "--ticket", "OPS-1", "--as", "bea")
	s.does(exitAgrees, "cutover", "rehearse")
	s.does(exitDiverged, create...)
	s.does(exitAgrees, "gate") // a newer GO, which nobody has approved
	s.does(exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--as", "adam")
	s.isNotCertified(dir)
	_, public, _ := strings.Cut(s.does(exitAgrees, create...), "--public-key:\n")
	s.does(exitError, create...)
	rows(t, s.dsn, "ALTER TABLE orders DISABLE TRIGGER USER; UPDATE orders SET filled = filled WHERE order_id = 77; "+fencedAgain)
	s.refusesCertificate(dir+"2", "orders such as 77")
	rows(t, s.dsn, "DROP TABLE orders; DROP SCHEMA crosscheck CASCADE")

	pinned := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(pinned, []byte(public), 0o600); err != nil {
		t.Fatal(err)
	}
	offline := func(want int, args ...string) string {
		p := start(t, append(args, "--public-key", pinned)...)
		if got := p.end(); got != want {
			t.Fatalf("%v: exit code %d, want %d", args, got, want)
		}
		return p.stdout.String()
	}
	var got proven
	if err := json.Unmarshal([]byte(offline(exitAgrees, "prove", "0500", "--certificate", dir, "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.OrderID != "500" || !got.Proven || !got.Pinned || got.Leaf != 499 || got.Orders != 500 || *got.Values[0].Value != "OPEN" || *got.Values[1].Value != "3" {
		t.Errorf("order 500 is proven as %+v", got)
	}
	if text := offline(exitAgrees, "prove", "1", "--certificate", dir); !strings.Contains(text, "status  OPEN") {
		t.Errorf("order 1 is told as %s", text)
	}
	offline(exitDiverged, "prove", "-5", "--certificate", dir)
	offline(exitError, "prove", "x", "--certificate", dir)
	offline(exitAgrees, "certificate", "check", dir)
	head, err := os.ReadFile(filepath.Join(dir, certificate.HeadFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"who": "bea"`, `"ticket": "OPS-1"`, `"step": "switch-writes"`, `"decision": "GO"`, `"expression": "\"status\""`,
		`"legacy": "public.orders"`, `"name": "compare.fields.filled"`, `"tail_after": "no row of legacy was written after the fence was closed`,
	} {
		if !strings.Contains(string(head), part) {
			t.Errorf("the head lacks %s: %s", part, head)
		}
	}
	var signed struct{ About certified }
	if err := json.Unmarshal(head, &signed); err != nil || signed.About.Decision.Seq != 1 || signed.About.Decision.Approval.Decision != 1 || signed.About.Chain.Length != 3 {
		t.Errorf("the head has decision %+v, %v", signed.About.Decision, err)
	}
	blocks := filepath.Join(dir, certificate.BlocksFile)
	content, err := os.ReadFile(blocks)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	if err := os.WriteFile(blocks, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if text := offline(exitDiverged, "certificate", "check", dir); !strings.Contains(text, `the 244 orders from "257"`) {
		t.Errorf("the changed byte is told as %s", text)
	}
	offline(exitDiverged, "prove", "500", "--certificate", dir)
	offline(exitAgrees, "prove", "1", "--certificate", dir)
}

// fencedAgain turns the fence on, after ALTER TABLE orders DISABLE TRIGGER USER.
const fencedAgain = `DO $$ DECLARE name text; BEGIN
	FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal LOOP EXECUTE format('ALTER TABLE orders ENABLE ALWAYS TRIGGER %I', name); END LOOP; END $$`

// isNotCertified changes what a certificate depends on, each alone, and back.
func (s *cutSystem) isNotCertified(dir string) {
	s.t.Helper()
	written, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	other := pgtest.Database(s.t)
	rows(s.t, other, cutTables)
	for _, test := range []struct{ sql, undo, was, is, want string }{
		{
			sql:  "UPDATE crosscheck.decision SET who = 'eve' WHERE seq = 2",
			undo: "UPDATE crosscheck.decision SET who = d.evidence::json->>'who' FROM crosscheck.decision d WHERE d.seq = 2 AND decision.seq = 2",
			want: "broken at decision 2",
		},
		{was: "legacy:     {dsn: " + strconv.Quote(s.dsn), is: "legacy:     {dsn: " + strconv.Quote(other), want: "lead to different databases"},
		{was: "{name: status, type: text}", is: "{name: status, type: text, legacy: \"upper(status)\"}", want: "not the one of the run: compare.fields.status"},
		{
			sql:  "SET session_replication_role = replica; UPDATE crosscheck.cutover_record SET positions = positions || '{\"legacy_server\": \"elsewhere\"}' WHERE step = 'fence' AND run = 'orders-2026-2'",
			undo: "SET session_replication_role = replica; UPDATE crosscheck.cutover_record SET positions = positions || (SELECT jsonb_build_object('legacy_server', positions->>'new_side_server') FROM crosscheck.cutover_record WHERE step = 'barrier' AND run = 'orders-2026-2' AND outcome = 'done') WHERE step = 'fence' AND run = 'orders-2026-2'",
			want: "the run has fenced elsewhere",
		},
		{sql: "ALTER TABLE orders DISABLE TRIGGER USER", undo: fencedAgain, want: "may be written"},
	} {
		if test.sql != "" {
			rows(s.t, s.dsn, test.sql)
		}
		changed := strings.Replace(string(written), test.was, test.is, 1)
		if err := os.WriteFile(s.config, []byte(changed), 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.refusesCertificate(dir, test.want)
		if test.undo != "" {
			rows(s.t, s.dsn, test.undo)
		}
	}
}

func (s *cutSystem) refusesCertificate(dir, want string) {
	s.t.Helper()
	p := start(s.t, "certificate", "create", "--out", dir, "--config", s.config)
	if got := p.end(); got != exitDiverged || !strings.Contains(p.stderr.String(), want) {
		s.t.Errorf("exit code %d, want %q: %s", got, want, p.stderr.String())
	}
}
