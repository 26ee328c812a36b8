package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
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

// serverTime is the processor time that all processes of the server have used; zero where there is no /proc.
func (d *dataset) serverTime(ctx context.Context) time.Duration {
	var backend int
	if err := scalar(ctx, d.projection, "SELECT pg_backend_pid()", &backend); err != nil {
		return 0
	}
	postmaster, _ := processTime(fmt.Sprint(backend), 0)
	_, total := processTime(postmaster, 4) // with its children that have ended
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	for _, dir := range all {
		if parent, took := processTime(filepath.Base(dir), 2); parent == postmaster {
			total += took
		}
	}
	return total
}

// processTime reads whose child a process is, and the first so many of its times: user, system, and those of its children
// that have ended.
func processTime(pid string, times int) (parent string, took time.Duration) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 15 {
		return "", 0
	}
	for _, ticks := range fields[11 : 11+times] {
		n, err := strconv.ParseInt(ticks, 10, 64)
		if err != nil {
			return "", 0
		}
		took += time.Duration(n) * 10 * time.Millisecond // USER_HZ is 100 on every platform of Go
	}
	return fields[1], took
}
