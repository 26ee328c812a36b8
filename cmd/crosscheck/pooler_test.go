package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab/pgserver/poolertest"
)

// TestATransactionPoolerIsRefusedEverywhere: before a side and before the ledger, by doctor and by a pass.
func TestATransactionPoolerIsRefusedEverywhere(t *testing.T) {
	c := newClinic(t)
	c.dsn["LEGACY"] = poolertest.Start(t, c.legacy, "pool_mode = transaction")
	c.dsn["LEDGER"] = poolertest.Start(t, c.ledger, "pool_mode = transaction")
	d := c.diagnosis(exitError)
	c.wants(d, doctor.Error, "legacy", "pooler", "a pooler in transaction mode")
	c.wants(d, doctor.Error, "ledger", "pooler", "drops the settings")

	verify := func() (int, string) {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"verify", "--config", c.config()}, &stdout, &stderr, c.getenv)
		return code, stderr.String()
	}
	for _, want := range []string{"connect to the server directly", "connect to the ledger's server directly"} {
		if code, text := verify(); code != exitError || !strings.Contains(text, want) {
			t.Errorf("exit code %d: %s", code, text)
		}
		c.dsn["LEGACY"] = c.as(c.legacy)
	}
}
