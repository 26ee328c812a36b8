package main

import (
	"fmt"
	"testing"

	"github.com/nordvarg/crosscheck/config"
)

// TestDoctorNamesWhatIsNotFenced: a partition that was added after the fence.
func TestDoctorNamesWhatIsNotFenced(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	rows(t, s.dsn, `DROP TABLE orders; CREATE TABLE orders (order_id bigint PRIMARY KEY, status text NOT NULL, filled numeric NOT NULL) PARTITION BY RANGE (order_id);
		CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (0) TO (1000)`)
	c, err := config.Load(s.config, environment)
	if err != nil {
		t.Fatal(err)
	}
	says := func(want string) {
		t.Helper()
		got := ""
		for _, f := range diagnoseFence(t.Context(), c) {
			got += fmt.Sprintf("%s %s", f.Level, f.Message)
		}
		if got != want {
			t.Errorf("doctor says %q, want %q", got, want)
		}
	}
	says("info the fence is not installed yet")
	s.does(exitAgrees, "cutover", "install")
	says("ok the fence is on public.orders, and is installed")
	rows(t, s.dsn, `CREATE TABLE orders_next PARTITION OF orders FOR VALUES FROM (1000) TO (2000)`)
	const lacks = "public.orders_next has no trigger for "
	says("warning some writers pass the fence: " + lacks + "insert; " + lacks + "update; " + lacks + "delete; " + lacks + "truncate")
}
