package main

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/lab"
)

const (
	cutoverOrdersVariable = "CUTOVER_ORDERS" // how many orders the lab has
	cutoverRoundsVariable = "CUTOVERS"       // how many cutovers are measured, half of them in each mode of the fence
	cutoverRate           = 200              // deals in a second, beside the clients' writes
	cutoverWayBack        = 5 * time.Second  // limits
)

var cutoverOutage = map[string]time.Duration{"error": 5 * time.Second, "wait": 2 * time.Second}

// BenchmarkCutovers measures for how long clients of a living lab cannot write, and how long the way back takes. Each round rehearses up to the
// switch of reads, and then cuts over. A limit that is missed is printed, and is no failure: times depend on the machine.
func BenchmarkCutovers(b *testing.B) {
	orders, rounds := wholeNumber(b, cutoverOrdersVariable, 1_000_000), wholeNumber(b, cutoverRoundsVariable, 20)
	for _, mode := range []string{"error", "wait"} {
		b.Run(mode, func(b *testing.B) { measureCutovers(b, mode, orders, rounds/2) })
	}
}

func measureCutovers(b *testing.B, mode string, orders, rounds int) {
	b.Helper()
	of, filling := large(b, orders, lab.Options{Rate: cutoverRate, Incremental: true})
	s := readyToCut(of, 5*time.Minute, mode)
	var outages, back []time.Duration
	for range rounds {
		s.does(exitAgrees, "cutover", "rehearse", "--until", "switch-reads")
		back = append(back, s.took(b, string(cutover.Undo)))
		end := s.asking(b)
		s.does(exitAgrees, executes...)
		seen := end()
		keptFaith(b, seen)
		b.Logf("writes %+v, reads %+v, seconds of each step: %s", seen.Writes, seen.Reads, s.shares(b))
		outages = append(outages, seen.Writes.Outage)
		s.rest()
		s.does(exitAgrees, "cutover", "unfence", "--yes")
		if err := s.CutBack(filling); err != nil {
			b.Fatal(err)
		}
		s.live()
	}
	worst, median := percentile(outages, 95), percentile(outages, 50)
	b.Logf("%d orders, %d deals a second, %d cutovers in mode %s: writes without an answer for %.2f s at the 95th percentile, %.2f s at the median (limit %v); the way back took %.2f s at most (limit %v)",
		orders, cutoverRate, rounds, mode, worst.Seconds(), median.Seconds(), cutoverOutage[mode], slices.Max(back).Seconds(), cutoverWayBack)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(worst.Seconds(), "s-outage-p95")
	b.ReportMetric(slices.Max(back).Seconds(), "s-back")
	if worst > cutoverOutage[mode] || slices.Max(back) > cutoverWayBack {
		b.Log("missed")
	}
}

// percentile is the nearest rank.
func percentile(of []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[(len(sorted)*p+99)/100-1]
}

// newestRun selects the records of the newest run.
const newestRun = ` FROM crosscheck.cutover_record WHERE run = (SELECT run FROM crosscheck.cutover_record ORDER BY at DESC LIMIT 1)`

// took is from the first record of the verb in the newest run to its last.
func (s *cutLab) took(t testing.TB, verb string) time.Duration {
	t.Helper()
	seconds, err := strconv.ParseFloat(rows(t, s.EventsDSN, "SELECT coalesce(extract(epoch FROM max(at) - min(at)), 0)"+newestRun+" AND verb = '"+verb+"'"), 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

// shares are the seconds that each step of the newest run took.
func (s *cutLab) shares(t testing.TB) string {
	t.Helper()
	return rows(t, s.EventsDSN, `SELECT string_agg(step || ' ' || round(seconds, 2), ', ' ORDER BY began)
		FROM (SELECT step, min(at) AS began, extract(epoch FROM max(at) - min(at)) AS seconds`+newestRun+` AND verb = 'do' GROUP BY step) AS s`)
}
