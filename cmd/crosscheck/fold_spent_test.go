package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// foldSpent is what a piece of work took: by the clock, and of the processors, by the server and by this process.
type foldSpent struct{ wall, server, own time.Duration }

// foldSpend measures a piece of work on the server of a connection. Where there is no /proc, the server's time is zero.
func foldSpend(b *testing.B, conn *pgx.Conn, work func()) foldSpent {
	b.Helper()
	server := serverTime(conn.PgConn().PID())
	took := spend(b, work)
	return foldSpent{wall: took.wall, server: serverTime(conn.PgConn().PID()) - server, own: took.processor}
}

func median(list []foldSpent) foldSpent {
	sorted := slices.SortedFunc(slices.Values(list), func(x, y foldSpent) int { return cmp.Compare(x.wall, y.wall) })
	return sorted[len(sorted)/2]
}

// largestResident is the largest resident set of this process, in bytes: of the generation of the history too.
func largestResident(b *testing.B) int64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	if runtime.GOOS == "darwin" { // everywhere else it is in KiB
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) * 1024
}

// serverTime is the processor time of all processes of a server, those that have ended included, of which one is known.
func serverTime(backend uint32) time.Duration {
	postmaster, _ := processTime(fmt.Sprint(backend), 0)
	_, total := processTime(postmaster, 4)
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

// processTime reads /proc: whose child a process is, and the first so many of its times: user, system, and those of its
// children that have ended.
func processTime(pid string, times int) (parent string, took time.Duration) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
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
