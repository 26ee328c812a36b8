package bench

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// newReport starts a report with the machine and settings that its figures depend on.
func newReport(ctx context.Context, d *dataset, runs int) *Report {
	version, buffers := "unknown", "unknown"
	if err := scalar(ctx, d.projection, "SELECT current_setting('server_version'), current_setting('shared_buffers')", &version, &buffers); err != nil {
		version = err.Error()
	}
	return &Report{Heading: []string{
		fmt.Sprintf("%d orders on each side, both in one PostgreSQL %s, shared_buffers %s, warm", d.orders, version, buffers),
		fmt.Sprintf("%s, %d processors for everything, %s, %s/%s", processor(), runtime.NumCPU(), memory(), runtime.GOOS, runtime.GOARCH),
		fmt.Sprintf("%s, %d interleaved runs, load before them %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"), runs, load()),
	}}
}

func processor() string {
	if name := lineOf("/proc/cpuinfo", "model name"); name != "" {
		return name
	}
	return "unknown processor"
}

// memoryMiB returns the memory of the machine; 0 if it is not known.
func memoryMiB() int64 {
	var kib int64
	if _, err := fmt.Sscan(lineOf("/proc/meminfo", "MemTotal"), &kib); err != nil {
		return 0
	}
	return kib >> 10
}

func memory() string {
	if mib := memoryMiB(); mib > 0 {
		return fmt.Sprintf("%.0f GiB", float64(mib)/1024)
	}
	return "unknown memory"
}

// load is the mean number of processes that want to run, over 1, 5 and 15 minutes.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	parts := strings.Fields(string(b))
	if err != nil || len(parts) < 3 {
		return "unknown"
	}
	return strings.Join(parts[:3], " ")
}

// lineOf returns what a file says after a name and a colon; empty if the name is not there.
func lineOf(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
