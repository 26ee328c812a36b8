package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// A neighbour is pgbench with its own tables in the server that is verified.
const (
	neighbourScale   = 10 // 1,000,000 accounts
	neighbourClients = 4
	neighbourSeconds = 15
	// neighbourRate leaves the processors mostly idle, so that what is measured is the wait for a pass, and not for other
	// transactions.
	neighbourRate = 400 // transactions in a second

	throttleRate = 50_000          // rows in a second, of each side
	warmUp       = 3 * time.Second // until a pass reads; connecting and trying the hashes are not throttled
	ofAlone      = 1.3
)

// neighbour runs pgbench.
type neighbour struct {
	path, dsn, folder string
	seconds           int
}

var errPgbench = errors.New("running pgbench")

// newNeighbour returns nil if the server's programs have no pgbench.
func newNeighbour(ctx context.Context, server *pgserver.Server, folder string, seconds int) (*neighbour, error) {
	n := &neighbour{filepath.Join(server.Bin(), "pgbench"), server.DSN("neighbour"), folder, seconds}
	if _, err := os.Stat(n.path); err != nil {
		return nil, nil //nolint:nilerr,nilnil // it is a package of its own on some systems
	}
	if err := createDatabase(ctx, server.DSN("postgres"), "neighbour"); err != nil {
		return nil, err
	}
	return n, n.pgbench(ctx, "-i", "-q", "-s", strconv.Itoa(neighbourScale))
}

func (n *neighbour) pgbench(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, n.path, append(args, n.dsn)...)
	cmd.Dir = n.folder
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %w: %s", errPgbench, err, strings.TrimSpace(out.String()))
	}
	return nil
}

// p99 runs transactions for a while, and returns the latency that 99 of 100 keep.
func (n *neighbour) p99(ctx context.Context) (time.Duration, error) {
	prefix := filepath.Join(n.folder, "pgbench")
	args := []string{"-n", "-l", "--log-prefix", prefix, "-M", "prepared"}
	err := n.pgbench(ctx, append(args, "-c", strconv.Itoa(neighbourClients), "-R", strconv.Itoa(neighbourRate), "-T", strconv.Itoa(n.seconds))...)
	if err != nil {
		return 0, err
	}
	logs, err := filepath.Glob(prefix + ".*")
	if err != nil {
		return 0, err
	}
	var took []time.Duration
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			return 0, fmt.Errorf("reading the log of pgbench: %w", err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			micros, err := strconv.ParseInt(strings.Fields(lines.Text() + " - - -")[2], 10, 64)
			if err == nil {
				took = append(took, time.Duration(micros)*time.Microsecond)
			}
		}
		if err := os.Remove(log); err != nil {
			return 0, fmt.Errorf("removing the log of pgbench: %w", err)
		}
	}
	if len(took) < 100 {
		return 0, fmt.Errorf("%w: only %d transactions", errPgbench, len(took))
	}
	slices.Sort(took)
	return took[len(took)*99/100], nil
}

// beside is p99 while passes run one after another. It is measured once the first of them reads.
func (b *bench) beside(ctx context.Context, n *neighbour, config string) (time.Duration, error) {
	running, stop := context.WithCancel(ctx)
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() {
		for running.Err() == nil {
			if _, err := b.crosscheck.clean(running, config, "verify"); err != nil && running.Err() == nil {
				failed = err
				return
			}
		}
	})
	select {
	case <-time.After(warmUp):
	case <-ctx.Done():
	}
	p99, err := n.p99(ctx)
	stop()
	wg.Wait()
	return p99, errors.Join(err, failed)
}

// throttle measures what a neighbour feels of a full pass, with a throttle and without.
func (b *bench) throttle(ctx context.Context) error {
	seconds := neighbourSeconds
	if b.large.orders < smallOrders/2 { // a test
		seconds = 1
	}
	n, err := newNeighbour(ctx, b.server, b.crosscheck.folder, seconds)
	if err != nil || n == nil {
		return err
	}
	b.Log("p99 of pgbench with %d transactions in a second beside full passes:", neighbourRate)
	plain, err := b.crosscheck.configure("clean", b.large, "public.current_orders", threeFields)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(plain)
	if err != nil {
		return fmt.Errorf("reading a configuration: %w", err)
	}
	throttled := filepath.Join(b.crosscheck.folder, "throttled.yaml")
	if err := os.WriteFile(throttled, fmt.Appendf(text, "throttle: {rows_per_second: %d}\n", throttleRate), 0o600); err != nil {
		return fmt.Errorf("writing a configuration: %w", err)
	}
	samples, err := interleave(ctx, b.Runs, b.Log, []contender{
		{"alone", n.p99},
		{"throttled", func(ctx context.Context) (time.Duration, error) { return b.beside(ctx, n, throttled) }},
		{"not throttled", func(ctx context.Context) (time.Duration, error) { return b.beside(ctx, n, plain) }},
	})
	if err != nil {
		return err
	}
	b.report.throttle(samples)
	return nil
}

// throttle adds the samples in the order of bench.throttle.
func (r *Report) throttle(s []sample) {
	r.add(fmt.Sprintf("p99 of pgbench alone, %d transactions in a second", neighbourRate), s[0])
	r.against(fmt.Sprintf("beside a full pass with `rows_per_second: %d`", throttleRate), s[1], "this / alone", s[1], s[0], ofAlone)
	r.against("beside full passes without a throttle", s[2], "this / alone", s[2], s[0], 0)
}
