package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
)

// diagnosed has doctor say what is wrong with slices, one mistake after the other.
func (s *slicedSystem) diagnosed() {
	s.t.Helper()
	written, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	const events = "(select c.payload->>'symbol' from public.event_store c where c.order_id = t.order_id and c.event_type = 'OrderCreated')"
	for _, test := range []struct{ was, is, sql, want string }{
		{want: "warning no index finds the orders of a slice in legacy"},
		{sql: "CREATE INDEX sliced ON orders ((coalesce(symbol, '')))", want: "ok orders can be cut over by symbol; 20 orders were asked"},
		{was: "slice: symbol", is: "slice: desk", want: "error a table cannot be fenced: looking for the column desk"},
		{was: "slice:\n    events", is: "slice:\n    projection: status\n    events", want: "and of symbol=OPEN in the projection"},
		{was: events, is: "t.payload->>'trader_id'", want: "say that it is of symbol="},
		{was: events, is: "t.payload->>", want: "error "},
		{was: ", slice: symbol", is: "", want: "warning the fence of this name is installed for another configuration"},
	} {
		if test.sql != "" {
			rows(s.t, s.dsn, test.sql)
		}
		changed := string(written)
		if test.was != "" {
			changed = strings.Replace(changed, test.was, test.is, 1)
		}
		if !strings.Contains(changed, "slice: symbol") && !strings.Contains(changed, "slice: desk") { // which the section slice needs
			from, to := strings.Index(changed, "  slice:\n"), strings.Index(changed, "  switch:\n")
			changed = changed[:from] + changed[to:]
		}
		c, err := config.Load(writeConfig(s.t, "doubtful", changed), environment)
		if err != nil {
			s.t.Fatal(err)
		}
		said := ""
		for _, f := range diagnoseFence(s.t.Context(), c) {
			said += fmt.Sprintf("%s %s\n", f.Level, f.Message)
		}
		if !strings.Contains(said, test.want) {
			s.t.Errorf("with %q in place of %q, doctor lacks %q: %s", test.is, test.was, test.want, said)
		}
	}
	rows(s.t, s.dsn, "DROP INDEX sliced")
}

// approvesOnThePage approves a slice as the page and the API do.
func (s *slicedSystem) approvesOnThePage(who, slice string) {
	s.t.Helper()
	c, err := config.Load(s.config, environment)
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := ledger.Open(s.t.Context(), ledger.Config{DSN: s.dsn})
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	of := &sidecar{config: c, ledger: l, sliced: sliced{whole: c}}
	given := gate.Approval{Who: who, Ticket: "OPS-2", Until: time.Now().Add(time.Hour)}
	for _, wrong := range []string{"ACME", "desk=7"} {
		if _, err := of.approve(s.t.Context(), given, wrong); err == nil {
			s.t.Errorf("%q was approved", wrong)
		}
	}
	if a, err := of.approve(s.t.Context(), given, slice); err != nil || a.Who != who || a.Cutover != c.ApprovalOf(slice) {
		s.t.Errorf("approved as %+v, %v", a, err)
	}
}
