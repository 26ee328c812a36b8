package lab_test

import (
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestSpeed(t *testing.T) {
	n, _ := strconv.ParseInt(os.Getenv("N"), 10, 64)
	if n == 0 {
		t.Skip()
	}
	legacy, projection := pgtest.Database(t), pgtest.Database(t)
	s := time.Now()
	if err := lab.Generate(t.Context(), legacy, projection, lab.History{Orders: n, Events: os.Getenv("EV") != "", Seed: 1, Progress: func(d, tot int64) {
		if d%500000 == 0 {
			t.Log(d, tot, time.Since(s))
		}
	}}); err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(s))
	s = time.Now()
	found, err := lab.Differences(t.Context(), legacy, projection)
	t.Log(len(found), err, time.Since(s))
	t.Log(number(t, legacy, "select count(*) from orders"))
	if os.Getenv("EV") != "" {
		t.Log(number(t, projection, "select count(*) from event_store"))
	}
}
