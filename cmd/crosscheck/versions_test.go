package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// plantedInLegacy and plantedInEvents are faults that some hash function of PostgreSQL cannot see: a sign, a number and a
// time that differ by 2^32. The rest is a row and an event that are missing.
const (
	plantedInLegacy = `
		UPDATE orders SET price = -price WHERE order_id = 10;
		DELETE FROM trades WHERE order_id = 20; DELETE FROM orders WHERE order_id = 20`
	plantedInEvents = `
		UPDATE orders_projection SET trader_id = trader_id - 1 WHERE order_id = 30;
		UPDATE orders_projection SET updated_at = updated_at + interval '4294.967296 s' WHERE order_id = 40;
		UPDATE orders_projection SET status = CASE status WHEN 'OPEN' THEN 'CANCELED' ELSE 'OPEN' END WHERE order_id = 50;
		DELETE FROM orders_projection WHERE order_id = 60;
		DELETE FROM event_store WHERE order_id = 70 AND event_type = 'OrderCreated';
		REFRESH MATERIALIZED VIEW current_orders`
)

// TestEveryPairOfVersions verifies legacy on each version of PostgreSQL against events, projection and ledger on each
// that is not older. The rows are the same everywhere, so the same orders must be found. An ordinary run has each version
// with the next one, and the oldest and the newest with themselves and each other; a soak has all pairs.
func TestEveryPairOfVersions(t *testing.T) {
	t.Parallel()
	servers := map[int]*pgserver.Server{}
	for _, version := range pgtest.Versions {
		s := pgtest.Version(t, version)
		servers[version] = s
		for _, name := range []string{"legacy", "events"} {
			rows(t, s.DSN("postgres"), "CREATE DATABASE "+name)
		}
		history := lab.History{Orders: 400, Events: true, Seed: 7, End: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		if err := lab.Generate(deadline(t), s.DSN("legacy"), s.DSN("events"), history); err != nil {
			t.Fatal(err)
		}
		rows(t, s.DSN("legacy"), plantedInLegacy)
		rows(t, s.DSN("events"), plantedInEvents)
	}
	oldest, newest := pgtest.Versions[0], pgtest.Versions[len(pgtest.Versions)-1]
	for _, older := range pgtest.Versions {
		for _, newer := range pgtest.Versions {
			ends := (older == oldest || older == newest) && (newer == oldest || newer == newest)
			if older > newer || !soak() && newer != older+1 && !ends {
				continue
			}
			t.Run(fmt.Sprintf("%d and %d", older, newer), func(t *testing.T) {
				s := system{Lab: &lab.Lab{Store: lab.OrdersStore, LegacyDSN: servers[older].DSN("legacy"), EventsDSN: servers[newer].DSN("events")}, t: t}
				verifyPair(t, older < 14, s.config(fmt.Sprintf("from_%d", older), 10*time.Millisecond, s.eventSections()))
			})
		}
	}
}

// verifyPair takes portable digests for granted below 14, which lacks date_bin and infinite numerics.
func verifyPair(t *testing.T, portable bool, config string) {
	t.Helper()
	code, r := pass(t, "verify", "--config", config)
	if code != exitDiverged || r.Coverage != 1 {
		t.Errorf("verify ended with exit code %d, coverage %v", code, r.Coverage)
	}
	if r.PortableDigests != portable {
		t.Errorf("portable digests: %v, want %v", r.PortableDigests, portable)
	}
	var found []string
	for _, d := range r.Divergences {
		found = append(found, d.OrderID+" "+d.Kind)
	}
	slices.Sort(found)
	want := []string{"10 differs", "20 phantom", "30 differs", "40 differs", "50 differs", "60 missing", "70 missing"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("planted (-) and found (+) by verify:\n%s", diff)
	}
}
