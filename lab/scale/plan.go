package scale

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Unit costs, by the clock of one machine with two cores for both servers and for crosscheck. docs/scaling.md says where
// each is from.
const (
	fullThree  = 250 * time.Nanosecond // an order, three fields, both sides at once
	fullTen    = 393 * time.Nanosecond // ten fields
	numberPart = 0.72                  // of a full verification of three fields, as one number that agrees
	deltaPart  = 0.27                  // of the same, if nothing changed
	foldEvent  = 723 * time.Nanosecond // an event of legacy and the fold at once
	message    = 3115 * time.Nanosecond
	divergence = 40 * time.Microsecond // an order that differs
	sample     = 300 * time.Millisecond

	serverThree = 227 * time.Nanosecond // processor time of one side
	serverFold  = 745 * time.Nanosecond // of the event store, an event
	clientFold  = 516 * time.Nanosecond // of crosscheck, an event

	eventsPerOrder   = 5.1
	orderBytes       = 124 // with its key's index
	divergenceBytes  = 461
	suspectBytes     = 527 // while it waits
	divergenceWAL    = 1508
	closedBucket     = 4096 // events
	closedBytes      = 600
	mostBuckets      = 16_384
	refine           = 128
	writesPerMillion = 20 // a second, of a store with a million orders, where nothing better is known
)

// sizes are the stores that are planned.
var sizes = []struct {
	name   string
	orders float64
}{{"9.2M", 9.2e6}, {"92M", 92e6}, {"1B", 1e9}}

// line is one row of a table.
type line struct {
	what string
	of   func(orders float64) string
}

func timed(unit time.Duration, times float64) string {
	return short(time.Duration(float64(unit) * times))
}

// short is a duration in two digits or three.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 3*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

func bytes(n float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 1000 {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.3g TB", n)
}

// times are what passes take on the machine of the figures.
func times() []line {
	return []line{
		{"full verification, three fields", func(n float64) string { return timed(fullThree, n) }},
		{"full verification, ten fields", func(n float64) string { return timed(fullTen, n) }},
		{"one number that agrees, three fields", func(n float64) string { return timed(fullThree, n*numberPart) }},
		{"delta, nothing changed", func(n float64) string { return timed(fullThree, n*deltaPart) }},
		{"sample of 10,000", func(float64) string { return short(sample) }},
		{"legacy against the fold of all events", func(n float64) string { return timed(foldEvent, n*eventsPerOrder) }},
		{"backlog of a topic with all events", func(n float64) string { return timed(message, n*eventsPerOrder) }},
		{"0.01 % of the orders differ: recording them", func(n float64) string { return timed(divergence, n*0.0001) }},
		{"1 % of the orders differ: recording them", func(n float64) string { return timed(divergence, n*0.01) }},
	}
}

// space is what the databases and the process hold.
func space() []line {
	return []line{
		{"orders of one side, with the key's index", func(n float64) string { return bytes(n * orderBytes) }},
		{"buckets in memory", func(n float64) string { return fmt.Sprint(int(min(n/1024, mostBuckets))) }},
		{"orders of a bucket", func(n float64) string { return fmt.Sprintf("%.0f", max(1024, n/mostBuckets)) }},
		{"orders read one by one to find one that differs", func(n float64) string { return fmt.Sprintf("%.0f", max(1024, n/mostBuckets)/refine) }},
		{"ledger: 0.01 % of the orders differ", func(n float64) string { return bytes(n * 0.0001 * divergenceBytes) }},
		{"ledger: 1 % of the orders differ", func(n float64) string { return bytes(n * 0.01 * divergenceBytes) }},
		{"ledger: the same, while they are suspects", func(n float64) string { return bytes(n * 0.01 * (divergenceBytes + suspectBytes)) }},
		{"WAL of the ledger: the same", func(n float64) string { return bytes(n * 0.01 * divergenceWAL) }},
		{"ledger: which events the stream has shown", func(n float64) string { return bytes(n * eventsPerOrder / closedBucket * closedBytes) }},
		{"memory of the follower, if no event is proven yet", func(n float64) string { return bytes(n * eventsPerOrder / 8) }},
		{"old rows that a full verification holds back, three fields", func(n float64) string {
			return bytes(writesPerMillion * n / 1e6 * (float64(fullThree) * n / 1e9) * orderBytes)
		}},
	}
}

// hours are the processor hours of a month, servers and crosscheck together.
func hours(orders float64, fulls, folds int) float64 {
	full := orders * 2 * float64(serverThree)
	fold := orders * eventsPerOrder * float64(serverFold+clientFold)
	return (float64(fulls)*full + float64(folds)*fold) / float64(time.Hour)
}

func money() []line {
	cost := func(fulls, folds int) func(float64) string {
		return func(n float64) string { return fmt.Sprintf("%.3g", hours(n, fulls, folds)) }
	}
	return []line{
		{"a full verification each night", cost(30, 0)},
		{"the same, with the fold of all events", cost(30, 30)},
		{"the fold each week only", cost(30, 4)},
		{"a full verification each hour", cost(720, 0)},
	}
}

// limit is a size of the store at which something becomes too much.
type limit struct {
	what, why string
	orders    float64
}

// limits are in the order in which a growing store meets them.
func limits() []limit {
	during := func(d, unit time.Duration, times float64) float64 { return float64(d) / (float64(unit) * times) }
	all := []limit{
		{"the fold of all events takes an hour", "its processor time is in the server that prints payloads", during(time.Hour, foldEvent, eventsPerOrder)},
		{"the backlog of a topic takes four hours", "one follower is one process; later messages are only what is written", during(4*time.Hour, message, eventsPerOrder)},
		{"a full verification of three fields takes ten minutes", "its snapshot holds back vacuum for so long", during(10*time.Minute, fullThree, 1)},
		{"a full verification of ten fields takes ten minutes", "the same", during(10*time.Minute, fullTen, 1)},
		{"a delta in which nothing changed takes a minute", "it reads the header of each row", during(time.Minute, fullThree, deltaPart)},
		{"one side has 100 GB", "it does not fit into memory, and the disk decides", 100e9 / orderBytes},
		{"1 % that differ fill 10 GB of the ledger", "each keeps its values", 10e9 / (0.01 * (divergenceBytes + suspectBytes))},
		{"recording 1 % that differ takes an hour", "each is read again and stored", during(time.Hour, divergence, 0.01)},
		{"the bits of a new topic take 1 GB of memory", "one bit for each event that is not proven yet", 1e9 * 8 / eventsPerOrder},
		{"a bucket has a million orders", "to find one order that differs, so many are digested again", 1e6 * mostBuckets},
	}
	slices.SortStableFunc(all, func(a, b limit) int { return int(a.orders/1e6) - int(b.orders/1e6) })
	return all
}

// Names are the names of the tables, in their order.
var Names = []string{"times", "space", "money", "limits", "sharing"}

// Tables are all tables of docs/scaling.md by name, in Markdown.
func Tables() map[string]string {
	return map[string]string{
		"times": table("by the clock", times()), "space": table("bytes and counts", space()), "money": table("processor hours a month", money()),
		"limits": limitTable(), "sharing": sharingTable(),
	}
}

func table(title string, lines []line) string {
	var b strings.Builder
	b.WriteString("| " + title)
	for _, s := range sizes {
		b.WriteString(" | " + s.name + " orders")
	}
	b.WriteString(" |\n|---" + strings.Repeat("|---:", len(sizes)) + "|\n")
	for _, l := range lines {
		b.WriteString("| " + l.what)
		for _, s := range sizes {
			b.WriteString(" | " + l.of(s.orders))
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

func limitTable() string {
	var b strings.Builder
	b.WriteString("| at about | limit | because |\n|---:|---|---|\n")
	for _, l := range limits() {
		fmt.Fprintf(&b, "| %.0fM orders | %s | %s |\n", l.orders/1e6, l.what, l.why)
	}
	return b.String()
}

// sharingTable is the speed-up of several sidecars against one, for a full verification with one connection a side and for the fold
// with two, as it has.
func sharingTable() string {
	var b strings.Builder
	b.WriteString("| work | cores of the server | 1 sidecar | 2 | 4 | 8 | 16 |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, w := range []struct {
		name    string
		streams int
		client  float64
	}{{"full verification", 1, 0.01}, {"fold of the events", 2, float64(clientFold) / float64(serverFold)}} {
		for _, cores := range []int{1, 2, 4, 8, 16, 32} {
			fmt.Fprintf(&b, "| %s | %d", w.name, cores)
			s := Sharing{Ranges: 400, Variance: 0.35, Streams: w.streams, ServerCores: cores, ClientCores: 1, Client: w.client, Serial: 0.03, Seed: 1}
			s.Sidecars = 1
			alone := Simulate(s).Time
			for _, s.Sidecars = range []int{1, 2, 4, 8, 16} {
				fmt.Fprintf(&b, " | %.1f", alone/Simulate(s).Time)
			}
			b.WriteString(" |\n")
		}
	}
	return b.String()
}
