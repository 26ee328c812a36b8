package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

// The faults of a network, as toxiproxy knows them. A blackhole swallows both directions, and new connections too. Half
// open is a connection of which only the answers are lost.
var networkFaults = map[string][]string{
	"slow":      {`{"type": "latency", "stream": "downstream", "attributes": {"latency": 30, "jitter": 30}}`},
	"reset":     {`{"type": "reset_peer", "stream": "downstream", "attributes": {"timeout": 0}}`},
	"blackhole": {`{"type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`, `{"type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`},
	"half open": {`{"type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`},
}

// link is a proxy before one server.
type link struct {
	*toxiproxy.Proxy
	t *testing.T
}

func newLink(t *testing.T, upstream string) *link {
	t.Helper()
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), t.Name(), "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &link{p, t}
}

// to is a database through a proxy.
func to(t *testing.T, dsn string) (l *link, through string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l = newLink(t, u.Host)
	u.Host = l.Listen
	return l, u.String()
}

func (l *link) fails(fault string) {
	l.t.Helper()
	for _, toxic := range networkFaults[fault] {
		if _, err := l.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *link) heals() {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	l.Toxics.ResetToxics(ctx)
}

// networked is a system that rests, with one wrong row, and a sidecar that reaches each part through a proxy.
type networked struct {
	*system
	links map[string]*link
	side  *sidecarProcess
	wrong string
}

func newNetworked(t *testing.T) *networked {
	t.Helper()
	n := &networked{links: map[string]*link{}}
	kafka := newBroker(t, broker.Options{Advertise: func(listens string) (string, error) {
		n.links["stream"] = newLink(t, listens)
		return n.links["stream"].Listen, nil
	}})
	n.system = newSystem(t, lab.Options{History: lab.History{Orders: 500}, Publisher: newTopic(t, kafka.Brokers()), PublishHistory: 1_000_000})
	n.wrong = rows(t, n.EventsDSN, "UPDATE orders_projection SET trader_id = trader_id + 1 WHERE order_id = (SELECT max(order_id) FROM orders_projection) RETURNING order_id")
	rows(t, n.EventsDSN, "REFRESH MATERIALIZED VIEW current_orders")
	through := map[string]string{"legacy": n.LegacyDSN, "projection": n.EventsDSN, "events": n.EventsDSN, "ledger": n.EventsDSN}
	for part, dsn := range through {
		n.links[part], through[part] = to(t, dsn)
	}
	address := freeAddress(t)
	config := writeConfig(t, "network", fmt.Sprintf(`
legacy:     {dsn: %q, table: public.orders, key: order_id, changed_at: updated_at}
projection: {dsn: %q, table: public.current_orders, key: order_id, changed_at: updated_at}
events:     {dsn: %q}
ledger:     {dsn: %q}
stream:     {brokers: [%q], topic: orders}
compare:
  fields: [{name: status, type: text}, {name: trader_id, type: integer}]
  settle: {window: 1s, rechecks: 5, max_lag: 1m}
sampler: {schedule: "*/2 * * * * *", size: 1000, full: "*/3 * * * * *"}
web: {listen: %q}`, through["legacy"], through["projection"], through["events"], through["ledger"], kafka.Brokers()[0], address))
	n.side = &sidecarProcess{start(t, "run", "--config", config), "http://" + address}
	return n
}

// looksAgain waits until every part was read after now.
func (n *networked) looksAgain() {
	n.t.Helper()
	now := time.Now().UTC().Format(time.RFC3339Nano)
	eventually(n.t, n.EventsDSN, `SELECT count(DISTINCT kind) FROM crosscheck.pass
		WHERE kind IN ('full', 'sample') AND verdict = 'diverged' AND started_at > '`+now+`'`, "2")
	eventually(n.t, n.EventsDSN, "SELECT caught_up_at > '"+now+"' FROM crosscheck.stream_state", "t")
}

// accusesOnly holds that nothing but the wrong row was ever called wrong, and nothing ever right.
func (n *networked) accusesOnly() {
	n.t.Helper()
	if got := rows(n.t, n.EventsDSN, "SELECT DISTINCT order_key FROM crosscheck.divergence"); got != n.wrong {
		n.t.Errorf("accused is %q, want %s", got, n.wrong)
	}
	if got := rows(n.t, n.EventsDSN, `SELECT count(*) FROM crosscheck.pass WHERE verdict = 'match' AND kind <> 'stream'`); got != "0" {
		n.t.Errorf("%s passes called a wrong row right", got)
	}
	if got := rows(n.t, n.EventsDSN, "SELECT count(*) FROM crosscheck.decision WHERE answer = 'GO'"); got != "0" {
		n.t.Error("the gate said GO")
	}
}

// TestFaultsOfTheNetwork lets each connection of a sidecar fail in each way. It must notice, claim nothing that it has not
// seen, and go on by itself when the network is back. In an ordinary run each connection is reset; a soak has all ways.
func TestFaultsOfTheNetwork(t *testing.T) {
	t.Parallel()
	faults := []string{"reset"}
	if soak() {
		faults = []string{"slow", "reset", "blackhole", "half open"}
	}
	n := newNetworked(t)
	n.looksAgain()
	for _, part := range []string{"legacy", "projection", "events", "ledger", "stream"} {
		for _, fault := range faults {
			began := time.Now()
			n.links[part].fails(fault)
			if fault == "slow" {
				n.looksAgain()
			} else {
				n.side.shows("/readyz", http.StatusServiceUnavailable, fmt.Sprintf(`"name":%q,"ok":false`, part))
			}
			noticed := time.Since(began)
			n.links[part].heals()
			n.side.shows("/readyz", http.StatusOK, "")
			n.looksAgain()
			n.accusesOnly()
			t.Logf("%s %s: noticed after %.1f s, whole again after %.1f s", part, fault, noticed.Seconds(), time.Since(began).Seconds())
		}
	}
	n.side.drains()
}
