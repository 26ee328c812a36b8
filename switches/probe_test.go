package switches_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/switches"
)

// TestProbesTellWhichSideAnswers, or that neither has taken it, or that nobody knows.
func TestProbesTellWhichSideAnswers(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	conn := connect(t, dsn)
	do(t, conn, "CREATE TABLE probes (at_new bool NOT NULL)")
	gone, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	gone.Path = "/gone"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/refused":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/silent":
			<-r.Context().Done()
		default:
			fmt.Fprint(w, r.URL.Path) //nolint:errcheck // the client is the test
		}
	}))
	t.Cleanup(server.Close)
	sql := func(asks string) switches.SQL { return switches.SQL{DSN: dsn, Asks: asks} }
	web := func(path string) switches.HTTP {
		return switches.HTTP{Asks: switches.Request{URL: server.URL + path}, On: "new", Off: "old"}
	}
	exits := func(script string) switches.Exec { return switches.Exec{Asks: []string{"sh", "-c", script}} }
	const isNew, legacy, refused, silent, unclear = "new", "legacy", "refused", "silent", "unclear"
	for want, probers := range map[string][]switches.Prober{
		isNew:   {sql("INSERT INTO probes VALUES (true) RETURNING at_new"), web("/new"), exits("exit 0")},
		legacy:  {sql("INSERT INTO probes VALUES (false) RETURNING at_new"), web("/old"), exits("exit 1")},
		refused: {sql("INSERT INTO probes VALUES (NULL) RETURNING at_new"), web("/refused"), exits("exit 2")},
		silent:  {sql("SELECT pg_sleep(60) IS NULL"), web("/silent"), exits("sleep 60")},
		unclear: {sql("SELECT NULL::bool"), switches.SQL{DSN: gone.String(), Asks: "SELECT true"}, web("/what"), exits("kill -9 $$"), switches.HTTP{Asks: switches.Request{URL: "http://127.0.0.1:1/"}}},
	} {
		for _, p := range probers {
			limit := 10 * time.Second
			if want == silent {
				limit = time.Second
			}
			answer, err := switches.Probe{Prober: p, Name: "the probe", Timeout: limit}.New(t.Context(), run)
			if got := told(answer, err); got != want {
				t.Errorf("%T: %s, want %s: %v", p, got, want, err)
			}
		}
	}
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM probes").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d writes are there, %v", n, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if answer, err := (switches.Probe{Prober: web("/silent")}).New(ended, run); told(answer, err) != unclear {
		t.Errorf("the caller's own end counts as silence: %v", err)
	}
}

// told is what a probe says, in one word.
func told(isNew bool, err error) string {
	_, refused := errors.AsType[*switches.RefusedError](err)
	switch {
	case err == nil && isNew:
		return "new"
	case err == nil:
		return "legacy"
	case isNew:
		return "new, with an error"
	case errors.Is(err, switches.ErrSilent):
		return "silent"
	case refused:
		return "refused"
	}
	return "unclear"
}
