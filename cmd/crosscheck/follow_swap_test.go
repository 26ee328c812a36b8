package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

// swap puts a projection that was built beside the present one in its place, as a blue/green rebuild does.
const swap = `BEGIN; LOCK TABLE projector IN ACCESS EXCLUSIVE MODE;
	ALTER MATERIALIZED VIEW current_orders RENAME TO current_orders_before;
	ALTER INDEX current_orders_key RENAME TO current_orders_key_before;
	CREATE MATERIALIZED VIEW current_orders AS SELECT * FROM current_orders_before;
	CREATE UNIQUE INDEX current_orders_key ON current_orders (order_id);
	CREATE INDEX ON current_orders (updated_at); COMMIT`

// TestASwappedProjectionIsLookedAtAnew by the follower, the page and the metrics, as by the passes and the gate.
func TestASwappedProjectionIsLookedAtAnew(t *testing.T) {
	t.Parallel()
	s := newStreamingOf(t, newBroker(t, broker.Options{}).Brokers(), lab.Options{PublishHistory: 1000})
	s.live()
	sidecar := s.follow()
	s.caughtUp()
	before := rows(t, s.EventsDSN, "SELECT fingerprint FROM crosscheck.stream_state")
	definition := rows(t, s.EventsDSN, "SELECT rtrim(pg_get_viewdef('current_orders'), ';')")
	rows(t, s.EventsDSN, strings.Replace(swap, "SELECT * FROM current_orders_before", definition, 1))
	anew := "SELECT count(*) FROM crosscheck.stream_state WHERE stored > 0 AND fingerprint <> '" + before + "'"
	eventually(t, s.EventsDSN, anew, "1")
	now := rows(t, s.EventsDSN, "SELECT fingerprint FROM crosscheck.stream_state WHERE fingerprint <> '"+before+"'")

	planted, err := s.Plant(deadline(t), "lost_publish", 1)
	if err != nil {
		t.Fatal(err)
	}
	id := strconv.FormatInt(planted[0].OrderID, 10)
	eventually(t, s.EventsDSN, "SELECT order_key, cause, fingerprint FROM crosscheck.divergence WHERE hop = 'events->stream'", id+"|lost_publish|"+now)
	gate := start(t, "gate", "--no-record", "--json", "--config", s.file)
	gate.end()
	if out := gate.stdout.String(); !strings.Contains(out, `"fingerprint":"`+now+`"`) || !strings.Contains(out, "lost_publish") {
		t.Errorf("the gate does not know of the lost message, or judges something else than %s:\n%s", now, out)
	}
	sidecar.shows("/api/status", http.StatusOK, `"fingerprint":"`+now+`"`)
	sidecar.shows("/api/status", http.StatusOK, `"order_id":"`+id+`"`)
	sidecar.shows("/metrics", http.StatusOK, `crosscheck_open_divergences{cause="lost_publish",hop="events->stream",kind="missing"} 1`)
	sidecar.shows("/metrics", http.StatusOK, `crosscheck_completeness_ratio{hop="events->stream"} 0.9`)
	for _, part := range []string{"ledger", "legacy", "projection", "events", "stream"} {
		sidecar.shows("/readyz", http.StatusOK, `{"name":"`+part+`","ok":true,"since":"`)
	}
	sidecar.drains()
	if log := sidecar.stderr.String(); !strings.Contains(log, "is now another table or database: projection table ") {
		t.Errorf("the log does not say what is another table:\n%s", log)
	}
}
