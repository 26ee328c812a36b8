package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/certificate"
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
	s.does(exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--as", "adam", "--override", "a test")
	_, public, _ := strings.Cut(s.does(exitAgrees, create...), "--public-key:\n")
	s.does(exitError, create...)
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
	for _, part := range []string{`"who": "bea"`, `"ticket": "OPS-1"`, `"step": "switch-writes"`, `"decision": "GO"`} {
		if !strings.Contains(string(head), part) {
			t.Errorf("the head lacks %s: %s", part, head)
		}
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
