package ledger_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/ledger"
)

// TestClockIsTheDatabases holds it between two readings of this machine's clock, which the server has in common with us. A
// ledger without tables has a clock.
func TestClockIsTheDatabases(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: pgtest.Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := time.Now().Truncate(time.Microsecond)
	now, err := l.Clock(t.Context())
	if after := time.Now(); err != nil || now.Before(before) || now.After(after) {
		t.Errorf("the ledger's clock says %s, %v; ours %s before and %s after", now, err, before, after)
	}
}
