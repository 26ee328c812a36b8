package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// ofTwoPairs is a configuration of the pairs orders and positions, on databases of their own, with further settings of web.
// Position 7 differs.
func ofTwoPairs(t *testing.T, address string, web ...string) (config, legacy, events string) {
	t.Helper()
	legacy, events = pgtest.Database(t), pgtest.Database(t)
	for _, dsn := range []string{legacy, events} {
		rows(t, dsn, `
			CREATE TABLE orders (order_id bigint PRIMARY KEY, status text NOT NULL);
			INSERT INTO orders SELECT g, 'OPEN' FROM generate_series(1, 50) AS g;
			CREATE TABLE positions (position_id bigint PRIMARY KEY, quantity numeric NOT NULL);
			INSERT INTO positions SELECT g, g * 10 FROM generate_series(1, 50) AS g`)
	}
	rows(t, events, "UPDATE positions SET quantity = 71 WHERE position_id = 7")
	return writeConfig(t, "pairs", fmt.Sprintf(`
name: trading
pairs:
  - name: orders
    legacy:     {dsn: %[1]q, table: public.orders}
    projection: {dsn: %[2]q, table: public.orders}
    compare:    {fields: [{name: status, type: text}], settle: {window: 100ms, rechecks: 3, max_lag: 1m}}
  - name: positions
    legacy:     {dsn: %[1]q, table: public.positions, key: position_id}
    projection: {dsn: %[2]q, table: public.positions, key: position_id}
    compare:    {fields: [{name: quantity, type: numeric}], settle: {window: 100ms, rechecks: 3, max_lag: 1m}}
ledger:  {dsn: %[2]q}
sampler: {schedule: "*/2 * * * * *", size: 100, full: "*/3 * * * * *"}
web:     {listen: %[3]q%[4]s}
`, legacy, events, address, strings.Join(web, ""))), legacy, events
}

// TestOneSidecarWatchesSeveralPairs of which one has a fault: page, API, metrics, readiness and record say which. Losing a table of one pair does
// not keep the other from being watched.
func TestOneSidecarWatchesSeveralPairs(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	config, legacy, events := ofTwoPairs(t, address)
	p := &sidecarProcess{start(t, "run", "--config", config), "http://" + address}
	p.shows("/readyz", http.StatusOK, `"name":"positions/projection","ok":true`)
	p.shows("/", http.StatusOK, "1 of 2 pairs of tables is NO-GO.")
	p.shows("/pairs/positions/divergences", http.StatusOK, `<a href="/pairs/positions/orders/7">7</a>`)
	p.shows("/pairs/orders/", http.StatusOK, "trading: orders")
	p.shows("/pairs/orders/api/v1/divergences", http.StatusOK, `{"divergences":[]}`)
	p.shows("/api/v1/pairs", http.StatusOK, `{"decision":"NO-GO","pairs":[{"name":"orders","path":"/pairs/orders/","decision":"INCONCLUSIVE"`)
	p.shows("/metrics", http.StatusOK, `crosscheck_open_divergences{cause="",hop="legacy->projection",kind="differs",pair="positions"} 1`)
	p.shows("/metrics", http.StatusOK, `crosscheck_ledger_up{pair="orders"} 1`)
	p.shows("/healthz", http.StatusOK, "")
	eventually(t, events, "SELECT count(*) > 0, bool_and(decision LIKE '%\"pairs\":[{\"name\":\"orders\"%\"record\":{\"seq\":%\"record\":{\"seq\":%') FROM crosscheck.decision", "t|t")
	for _, asked := range []struct {
		code int
		args []string
	}{
		{exitDiverged, []string{"gate", "--url", p.url}},
		{exitUnverified, []string{"gate", "--url", p.url + "/pairs/orders"}},
		{exitAgrees, []string{"divergences", "--url", p.url + "/pairs/positions"}},
		{exitError, []string{"run", "--pair", "orders", "--config", config}},
	} {
		if code := start(t, asked.args...).end(); code != asked.code {
			t.Errorf("%v: exit code %d, want %d", asked.args, code, asked.code)
		}
	}

	rows(t, legacy, "ALTER TABLE positions RENAME TO gone")
	last := rows(t, events, "SELECT max(id) FROM crosscheck_orders.pass")
	eventually(t, events, "SELECT count(*) > 0 FROM crosscheck_orders.pass WHERE verdict = 'match' AND kind = 'full' AND id > "+last, "t")
	p.shows("/", http.StatusOK, `<a href="/pairs/orders/">orders</a>`)
	p.drains()
}

// TestAPairThatDoesNotFitEndsTheSidecar as it does where it is alone, with its name.
func TestAPairThatDoesNotFitEndsTheSidecar(t *testing.T) {
	t.Parallel()
	config, legacy, _ := ofTwoPairs(t, freeAddress(t))
	rows(t, legacy, "ALTER TABLE positions DROP COLUMN quantity")
	p := start(t, "run", "--config", config)
	if code := p.end(); code != exitError {
		t.Errorf("exit code %d", code)
	}
	if said := p.stderr.String(); !strings.Contains(said, "crosscheck: error: pair positions: ") || !strings.Contains(said, "quantity") {
		t.Errorf("it says %s", said)
	}
}
