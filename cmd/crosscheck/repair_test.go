package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/lab"
)

// TestAPlanRepairsWhatItPromises plants faults that a plan can repair, and some that need a person. It applies the plan by
// hand. Afterwards verify finds only what the plan has left to people. A second application changes nothing, and says so.
func TestAPlanRepairsWhatItPromises(t *testing.T) {
	t.Parallel()
	repairs(t, lab.OrdersStore, "event_store", "event_id")
	if soak() { // keys in streams, times without a zone, JSON in bytes, amounts in ten-thousandths
		repairs(t, lab.DeskStore, "desk.messages", "global_position")
	}
}

func repairs(t *testing.T, store *lab.Store, table, position string) {
	t.Helper()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 2000, Store: store}, Rate: 30, RefreshEvery: labRefresh})
	config := s.config("repair", labWindow, s.eventSections(), "repair: {projection: public.orders_projection, columns: {filled_notional: notional}}")
	quick(t, config)
	s.live()
	planted, people := map[string]string{}, map[string]bool{}
	for _, fault := range []string{
		"lost_event", "stale_projection", "partial_fill_ignored", "filled_drift", "swapped_status", "double_apply", "null_filled", "missing_and_phantom",
		"same_timestamp_skip", "late_commit_skip", "wrong_price_after_modify", "direct_legacy_edit",
	} {
		orders, err := s.Plant(deadline(t), fault, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range orders {
			id := strconv.FormatInt(o.OrderID, 10)
			planted[id], people[id] = fault, slices.Contains([]string{"ghost_event", "wrong_event_content", "direct_edit"}, o.Cause)
		}
	}
	s.rest()
	if code, r := pass(t, "verify", "--config", config); code != exitDiverged || len(r.Divergences) < len(planted) {
		t.Fatalf("verify ended with exit code %d and %d divergences of %d orders", code, len(r.Divergences), len(planted))
	}
	file := filepath.Join(t.TempDir(), "plan.sql")
	want, got := map[string]string{}, plan(t, config, file)
	for id, fault := range planted {
		want[id] = fault + " planned"
		if people[id] {
			want[id] = fault + " for people"
		}
	}
	for id := range got {
		got[id] = planted[id] + " " + got[id]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-) and planned (+):\n%s", diff)
	}
	said := s.apply(t, file)
	state := s.written(t, table, position)
	again := s.apply(t, file)
	for id := range planted {
		if !people[id] && (!strings.Contains(said, "NOTICE:  order "+id+": ") || !strings.Contains(again, "order "+id+": repaired already; nothing is changed")) {
			t.Errorf("nothing is said of order %s", id)
		}
	}
	if s.written(t, table, position) != state {
		t.Error("a second application changes something")
	}
	if strings.Contains(said+again, "ERROR") {
		t.Errorf("the applications say\n%s\n%s", said, again)
	}
	if err := s.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	_, r := pass(t, "verify", "--config", config)
	left := map[string]string{}
	for _, d := range r.Divergences {
		left[d.OrderID] = planted[d.OrderID] + " for people"
	}
	maps.DeleteFunc(want, func(id, _ string) bool { return !people[id] })
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("want (-) and open after the repair (+):\n%s\n%s", diff, said)
	}
}

// quick lets nobody wait a minute for a stopped projector.
func quick(t *testing.T, config string) {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(strings.Replace(string(text), "max_lag: 1m", "max_lag: 10s", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// plan writes a plan, and says for each order whether it is planned or for people.
func plan(t *testing.T, config, file string) map[string]string {
	t.Helper()
	p := start(t, "repair", "--plan", file, "--config", config, "--json")
	code := p.end()
	var r planned
	if err := json.Unmarshal(p.stdout.Bytes(), &r); err != nil || code > exitDiverged {
		t.Fatalf("repair ended with exit code %d: %v\n%s", code, err, p.stderr.String())
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the plan has mode %v, %v", info.Mode(), err)
	}
	out := map[string]string{}
	for _, o := range r.Orders {
		out[string(o.OrderID)] = "planned"
	}
	for _, u := range r.Decide {
		t.Logf("order %s, %s, %s: %s", u.Key, u.Hop, u.Cause, u.Why)
		out[string(u.Key)] += "for people"
	}
	for _, g := range r.Gone {
		out[string(g.Key)] += "gone"
	}
	return out
}

// apply runs a plan as people do: with psql, which goes on after an error.
func (s *system) apply(t *testing.T, file string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	if psql, err := exec.LookPath("psql"); err == nil {
		out, err := exec.CommandContext(ctx, psql, "-X", "-f", file, s.EventsDSN).CombinedOutput()
		if err != nil {
			t.Fatalf("psql: %v\n%s", err, out)
		}
		return string(out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for part := range strings.SplitSeq(string(text), "COMMIT;\n") {
		if _, err := query(s.EventsDSN, part+"COMMIT;"); err != nil {
			fmt.Fprintf(&said, "%v\n", err)
		}
	}
	return said.String()
}

// written is a digest of all events, and of all rows of the projection's table.
func (s *system) written(t *testing.T, table, position string) string {
	t.Helper()
	if err := s.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	out, err := query(s.EventsDSN, fmt.Sprintf(`SELECT md5(string_agg(e::text, E'\n' ORDER BY %s)) FROM %s e;
		SELECT md5(string_agg(p::text, E'\n' ORDER BY order_id)) FROM orders_projection p`, position, table))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAPlanMendsWhatAnAuditFinds: lost events come back, and what only people can decide is left to them.
func TestAPlanMendsWhatAnAuditFinds(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 300}})
	config := s.config("audited", labWindow, fmt.Sprintf("events:  {dsn: %q}\nhistory: {audit_log: public.audit_log, trades: public.trades}", s.EventsDSN))
	quick(t, config)
	lost := rows(t, s.EventsDSN, `WITH last AS (SELECT max(event_id) AS id FROM event_store GROUP BY order_id HAVING bool_or(event_type = 'OrderFilled') AND max(event_type) FILTER (WHERE event_type = 'OrderCanceled') IS NULL ORDER BY order_id LIMIT 5),
		gone AS (DELETE FROM event_store WHERE event_id IN (SELECT id FROM last) RETURNING order_id) SELECT string_agg(order_id::text, ' ' ORDER BY order_id) FROM gone`)
	wrong := rows(t, s.EventsDSN, `UPDATE event_store SET "timestamp" = "timestamp" - interval '7 milliseconds' WHERE event_id = (
		SELECT max(event_id) FROM event_store WHERE event_type = 'OrderFilled' AND order_id <> ALL (string_to_array('`+lost+`', ' ')::bigint[])) RETURNING order_id`)
	if code, _, findings := audited(t, "--config", config); code != exitDiverged || len(findings) != 6 {
		t.Fatalf("the audit ended with %d and found %q", code, findings)
	}
	file := filepath.Join(t.TempDir(), "plan.sql")
	want := map[string]string{wrong: "for people"}
	for id := range strings.FieldsSeq(lost) {
		want[id] = "planned"
	}
	if diff := cmp.Diff(want, plan(t, config, file)); diff != "" {
		t.Errorf("want (-) and planned (+):\n%s", diff)
	}
	if said := s.apply(t, file); strings.Contains(said, "ERROR") {
		t.Errorf("the application says\n%s", said)
	}
	if _, _, findings := audited(t, "--config", config); len(findings) != 1 || !strings.HasPrefix(findings[0], wrong+" event_different") {
		t.Errorf("after the plan the audit finds %q", findings)
	}
}
