package metrics

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPairsAreScrapedTogether: each series about a pair has its name, and those of the process are there once.
func TestPairsAreScrapedTogether(t *testing.T) {
	t.Parallel()
	var pairs []*Metrics
	for _, name := range []string{"orders", "positions"} {
		m := New(Options{Pair: name, System: "trading", Passes: []string{"full"}, Read: func(ctx context.Context) (Snapshot, error) {
			if name == "positions" {
				return Snapshot{}, context.DeadlineExceeded
			}
			return full(), ctx.Err()
		}})
		m.ObservePass("full", 0, 7)
		pairs = append(pairs, m)
	}
	w := httptest.NewRecorder()
	Together(Options{Version: "1.2.3"}, pairs).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`crosscheck_compared_orders_total{pair="orders",pass="full"} 7`, `crosscheck_compared_orders_total{pair="positions",pass="full"} 7`,
		`crosscheck_ledger_up{pair="orders"} 1`, `crosscheck_ledger_up{pair="positions"} 0`, `crosscheck_gate_decision{decision="NO-GO",pair="orders"} 1`,
		`crosscheck_system_info{environment="",name="trading",pair="positions"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, once := range []string{"\ncrosscheck_build_info{", "\ngo_goroutines "} {
		if n := strings.Count(text, once); n != 1 || w.Code != 200 {
			t.Errorf("%d: %d times %q", w.Code, n, once)
		}
	}
	if strings.Contains(text, `crosscheck_gate_decision{decision="NO-GO",pair="positions"}`) {
		t.Error("a ledger that cannot be read has gauges")
	}
}
