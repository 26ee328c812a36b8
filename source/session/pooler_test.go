package session_test

import (
	"errors"
	"testing"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lab/pgserver/poolertest"
	"github.com/nordvarg/crosscheck/source/session"
)

// TestATransactionPoolerIsRefused, and a session pooler is not. Whatever was tried, the next client of the pooler finds
// nothing of us in its session.
func TestATransactionPoolerIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		settings []string
		refused  bool
	}{
		"session":                      {[]string{"pool_mode = session"}, false},
		"transaction":                  {[]string{"pool_mode = transaction"}, true},
		"transaction, one process":     {[]string{"pool_mode = transaction", "default_pool_size = 1"}, true},
		"transaction, all in turn":     {[]string{"pool_mode = transaction", "server_round_robin = 1"}, true},
		"statement":                    {[]string{"pool_mode = statement"}, true},
		"transaction, settings passed": {[]string{"pool_mode = transaction", "ignore_startup_parameters = search_path, options, extra_float_digits"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := poolertest.Start(t, pgtest.Database(t), test.settings...)
			c, err := session.Parse(dsn)
			if err != nil {
				t.Fatal(err)
			}
			p, err := session.Open(t.Context(), c)
			if err == nil {
				p.Close()
			}
			if errors.Is(err, session.ErrShared) != test.refused || !test.refused && err != nil {
				t.Errorf("opening: %v", err)
			}
			left := superuser(t, dsn, `SELECT concat_ws(' ', current_setting('row_security'), current_setting('transaction_read_only'), current_setting('search_path'),
				current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'))`)
			if left != `on off "$user", public 0 0 0` {
				t.Errorf("the next client has %s", left)
			}
		})
	}
}
