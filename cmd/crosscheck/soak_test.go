package main

import (
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"
)

// soakVariable is set by make soak: how long the long proofs run.
const soakVariable = "CROSSCHECK_SOAK"

// soak says whether all cases of a proof shall run, however long they take.
func soak() bool { return os.Getenv(soakVariable) != "" }

// loadTime is how long a proof under load runs: short, unless somebody asks for more.
func loadTime(t testing.TB, short time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(soakVariable)
	if text == "" {
		return short
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("reading %s: %v", soakVariable, err)
	}
	return long
}

// cleanTime is how long a clean system is watched in an ordinary run.
const cleanTime = 15 * time.Second

// TestACleanSystemUnderLoadIsNotAccused lets a sidecar watch all representations while the desk trades, the projection
// lags, and everything happens that looks like a fault and is none: nothing is ever called a divergence.
func TestACleanSystemUnderLoadIsNotAccused(t *testing.T) {
	t.Parallel()
	o := newOdd(t)
	o.live()
	address := freeAddress(t)
	o.side = &sidecarProcess{start(t, "run", "--config", o.config(address)), "http://" + address}
	o.side.shows("/readyz", http.StatusOK, "")
	for end, round := time.Now().Add(loadTime(t, 0)), 1; round == 1 || time.Now().Before(end); round++ {
		for _, s := range o.situations() {
			t.Logf("round %d, %s", round, s.name)
			s.happen()
		}
		o.accusesNobody()
		o.newPasses("match")
		o.accusesNobody()
	}
	// Everything that is stored has been looked for on the topic, which was read anew and is older than the store.
	last := rows(t, o.EventsDSN, "SELECT max(event_id) FROM event_store")
	eventually(t, o.EventsDSN, `SELECT checked >= `+last+`, stored = seen, gaps, before_store > 0 FROM crosscheck.stream_state ORDER BY at DESC LIMIT 1`, "t|t|0|t")
	eventually(t, o.EventsDSN, "SELECT max(number) + 1 FROM crosscheck.stream_partition", strconv.Itoa(o.partitions))
	o.side.drains()
	o.accusesNobody()
	if got := rows(t, o.EventsDSN, "SELECT count(*) > 0 FROM crosscheck.pass WHERE mismatches > 0"); got != "t" {
		t.Error("no pass met lag: this test has shown nothing")
	}
}

// accusesNobody looks for divergences in any state and at any hop.
func (o *odd) accusesNobody() {
	o.t.Helper()
	if got := rows(o.t, o.EventsDSN, "SELECT count(*) FROM crosscheck.divergence"); got != "0" {
		o.t.Fatalf("%s divergences of a clean system: %.5000s", got,
			rows(o.t, o.EventsDSN, "SELECT row_to_json(d) FROM crosscheck.divergence AS d ORDER BY id LIMIT 20"))
	}
}
