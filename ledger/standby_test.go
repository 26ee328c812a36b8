package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/ledger"
)

// TestALedgerWhoseServerIsNowAStandbySaysSo: nothing is to be migrated, so the first write fails, at its BEGIN. It is not parallel,
// because the standby is one of all databases.
func TestALedgerWhoseServerIsNowAStandbySaysSo(t *testing.T) {
	dsn := pgtest.Database(t)
	migrated(t, dsn).Close()
	standby := migrated(t, pgtest.Standby(t, nil).DSN(connect(t, dsn).Config().Database))
	_, err := standby.Acquire(t.Context(), "full", "me", time.Minute)
	if !errors.Is(err, ledger.ErrReadOnly) || !strings.Contains(err.Error(), "its server is a standby") {
		t.Errorf("got %v", err)
	}
}
