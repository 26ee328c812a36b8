// Command crosscheck-lab runs a small migrating trading system on a real PostgreSQL, breaks it on request, and shows
// that crosscheck notices.
//
// Invariant: it judges crosscheck only by its output and exit codes. It never uses its code.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/bench"
)

// Exit codes. 1 means that crosscheck was wrong in a demonstration.
const (
	exitOK    = 0
	exitWrong = 1
	exitError = 2
)

type cli struct {
	Demo        demoCmd        `cmd:"" help:"Show a whole demonstration in the terminal: clean, broken, found, repaired."`
	DemoCutover demoCutoverCmd `cmd:"" help:"Show in the terminal how a living system is cut over."`
	DemoHistory demoHistoryCmd `cmd:"" help:"Show in the terminal how a backfilled history is audited, filled and mended."`
	Up          upCmd          `cmd:"" help:"Start the system, write a config.yaml for crosscheck, and keep trading until Ctrl-C."`
	History     historyCmd     `cmd:"" help:"Start a system whose old orders were backfilled and whose records contradict themselves, write a config.yaml and what was planted, and wait until Ctrl-C."`
	Fault       faultCmd       `cmd:"" help:"Cause a fault in the system that 'up' runs."`
	Disturb     disturbCmd     `cmd:"" help:"Cause a fault in the next cutover of the system that 'up' runs, or list these faults."`
	Repair      repairCmd      `cmd:"" help:"Undo all faults in the system that 'up' runs."`
	Detect      detectCmd      `cmd:"" help:"Plant every fault while a sidecar runs, and print which check found it, when, and with which hop and cause."`
	Bench       benchCmd       `cmd:"" help:"Measure crosscheck against handwritten queries, on millions of orders."`
	Simulate    simulateCmd    `cmd:"" help:"Print what larger stores cost, and what several sidecars bring."`
}

// system is what 'up', 'demo' and 'detect' set up.
type system struct {
	Orders  int64         `default:"50000" help:"Orders in the generated history."`
	Seed    int64         `default:"1" help:"Seed of the generated history."`
	Rate    float64       `default:"40" help:"Deals per second."`
	Workers int           `default:"4" help:"Deals made at the same time."`
	Refresh time.Duration `default:"2s" help:"Time between two refreshes of the projection."`
	Store   string        `default:"orders" enum:"${stores}" help:"Language of the event store, one of ${stores}."`

	Backfilled   int `default:"0" help:"Share of the history, in per cent, that was backfilled. Faults of the backfill need one."`
	wholeSeconds bool
}

// session is what every sub-command gets.
type session struct {
	ctx  context.Context //nolint:containedctx // kong binds values, and this one lives as long as the command
	out  *printer
	log  *slog.Logger
	errs io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	helped := false
	parser, err := kong.New(&c,
		kong.Name("crosscheck-lab"),
		kong.Description("A migrating trading system in miniature, with faults that can be switched on."),
		kong.Vars{"socket": defaultSocket(), "faults": faultNames() + readFaultNames(), "stores": storeNames(), "backfill_faults": backfillFaultNames(), "bench_parts": strings.Join(bench.Parts, ", ")},
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
	)
	if err != nil {
		return report(stderr, err)
	}
	parsed, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		return report(stderr, withHint(err, "crosscheck-lab --help lists the commands"))
	}
	s := &session{ctx: ctx, out: newPrinter(stdout), errs: stderr, log: slog.New(slog.NewTextHandler(stderr, nil))}
	return report(stderr, parsed.Run(s))
}

// report prints an error in the agreed form, and returns its exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "crosscheck-lab: error:", err)
	if h, ok := errors.AsType[*hinted](err); ok {
		fmt.Fprintln(stderr, "crosscheck-lab: hint:", h.hint)
	}
	if errors.Is(err, errWrong) {
		return exitWrong
	}
	return exitError
}

// hinted is an error with a hint.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func withHint(err error, hint string) error { return &hinted{err, hint} }

// faultNames lists the faults for the help, comma-separated.
func faultNames() string {
	var names []string
	for _, f := range lab.AllFaults() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ",")
}

// readFaultNames continues that list with the faults of the new read path, which no pass over rows can find.
func readFaultNames() (names string) {
	for _, f := range lab.ReadFaults() {
		names += "," + f.Name
	}
	return names
}

// backfillFaultNames lists those of a backfill.
func backfillFaultNames() string {
	var names []string
	for _, f := range lab.AllFaults() {
		if f.Backfill {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}

func faultNamed(name string) (lab.Fault, bool) {
	for _, f := range lab.AllFaults() {
		if f.Name == name {
			return f, true
		}
	}
	return lab.Fault{}, false
}

// storeNames lists the languages of the event store.
func storeNames() string {
	var names []string
	for _, s := range lab.Stores() {
		names = append(names, s.Name)
	}
	return strings.Join(names, ",")
}

// defaultSocket is where 'fault' and 'repair' find the running lab of the same user.
func defaultSocket() string {
	return filepath.Join(os.TempDir(), "crosscheck-lab-"+strconv.Itoa(os.Getuid())+".sock")
}
