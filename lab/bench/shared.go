package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// sharedOrders have about 5 million events.
	sharedOrders = 1_000_000
	// sharedSnapshot is how long a snapshot may be held. Ranges are then as large as they may be.
	sharedSnapshot = "30s"
	// ofOneProcess says that two processes are not slower than one.
	ofOneProcess = 1.0
	// leastShare and mostShare are what one of two processes should do of the client's work.
	leastShare, mostShare = 0.4, 0.6
	helperStarts          = time.Minute
)

// shared measures a full pass with the fold of all events that a sidecar helps with, beside the same pass without help. The fold is
// where crosscheck itself has to work.
func (b *bench) shared(ctx context.Context) error {
	d := b.events
	drop := "DROP SCHEMA IF EXISTS " + ledgerSchema("shared") + " CASCADE"
	if err := execute(ctx, d.projection, "SET client_min_messages = error", drop); err != nil {
		return err
	}
	config, err := b.crosscheck.configureStore(eventStores[0], d)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(config)
	if err != nil {
		return fmt.Errorf("reading a configuration: %w", err)
	}
	address, err := unused(ctx)
	if err != nil {
		return err
	}
	of := map[bool]string{}
	for _, shares := range []bool{false, true} {
		of[shares] = filepath.Join(b.crosscheck.folder, fmt.Sprintf("shared-%t.yaml", shares))
		own := strings.Replace(string(text), ledgerSchema("store_orders"), ledgerSchema("shared"), 1)
		own += fmt.Sprintf("verify: {max_snapshot: %s, shared: %t}\nsampler: {schedule: \"off\", full: \"off\"}\nweb: {listen: %q}\n", sharedSnapshot, shares, address)
		if err := os.WriteFile(of[shares], []byte(own), 0o600); err != nil {
			return fmt.Errorf("writing a configuration: %w", err)
		}
		if _, err := b.crosscheck.clean(ctx, of[shares], "verify"); err != nil { // creates the ledger
			return err
		}
	}
	helper, err := b.crosscheck.help(ctx, of[true], d)
	if err != nil {
		return err
	}
	defer helper.stop()
	var shares []float64
	samples, err := interleave(ctx, b.Runs, b.Log, []contender{
		{"alone", func(ctx context.Context) (time.Duration, error) {
			r, err := b.crosscheck.clean(ctx, of[false], "verify")
			if err != nil {
				return 0, err
			}
			return r.wall, nil
		}},
		{"shared by two", func(ctx context.Context) (time.Duration, error) {
			before := helper.time()
			r, err := b.crosscheck.clean(ctx, of[true], "verify")
			if err != nil {
				return 0, err
			}
			helped := helper.time() - before
			shares = append(shares, helped.Seconds()/(helped+r.work).Seconds())
			return r.wall, d.eachOnce(ctx, r.Compared)
		}},
	})
	if err != nil {
		return err
	}
	b.report.shared(samples, shares)
	return nil
}

// eachOnce wants the ranges of the last pass to hold every order once.
func (d *dataset) eachOnce(ctx context.Context, compared int64) error {
	var rows int64
	err := scalar(ctx, d.projection, `SELECT sum((found ->> 'legacy_rows')::bigint) FROM `+ledgerSchema("shared")+`.pass_range
		WHERE pass_id = (SELECT max(pass_id) FROM `+ledgerSchema("shared")+`.pass_range)`, &rows)
	if err == nil && (rows != compared || rows != d.orders) {
		err = fmt.Errorf("%w: ranges hold %d orders, the pass compared %d, and there are %d", ErrWrong, rows, compared, d.orders)
	}
	return err
}

// unused is a local address on which nobody listens.
func unused(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// helping is a sidecar that only helps.
type helping struct{ cmd *exec.Cmd }

// help returns when the sidecar asks for jobs.
func (p program) help(ctx context.Context, config string, d *dataset) (*helping, error) {
	h := &helping{cmd: exec.CommandContext(ctx, p.path, "run", "--config", config)}
	var stderr bytes.Buffer
	h.cmd.Stderr = &stderr
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", errRun, err)
	}
	began, tick := time.Now(), time.NewTicker(2*time.Second)
	defer tick.Stop()
	for waits := 0; ; waits++ {
		var asks bool
		err := scalar(ctx, d.projection, "SELECT count(*) > 0 FROM "+ledgerSchema("shared")+".river_queue WHERE updated_at > now() - interval '10 seconds'", &asks)
		switch {
		case err == nil && asks && waits > 0: // the first look may see the queue of a command before
			return h, nil
		case time.Since(began) > helperStarts:
			h.stop()
			return nil, fmt.Errorf("%w: the sidecar does not ask for jobs: %s", errRun, strings.TrimSpace(stderr.String()))
		}
		<-tick.C
	}
}

func (h *helping) time() time.Duration {
	_, took := processTime(fmt.Sprint(h.cmd.Process.Pid), 2)
	return took
}

func (h *helping) stop() {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	_ = h.cmd.Wait()
}

// shared adds the samples of one process and of two, and which part of the client's work the second one did.
func (r *Report) shared(s []sample, shares []float64) {
	r.add("`crosscheck verify` in ranges with the fold of all events", s[0])
	r.against("the same, shared with a sidecar (`verify.shared`)", s[1], "two / one", s[1], s[0], ofOneProcess)
	row := Row{What: "the sidecar's part of the client's processor time", Ratio: "sidecar / both", Limit: fmt.Sprintf("%g-%g", leastShare, mostShare), Held: true}
	var sum float64
	for _, share := range shares {
		sum += share
		row.Held = row.Held && share >= leastShare && share <= mostShare
	}
	row.OfMedians = fmt.Sprintf("%.3g", sum/float64(max(len(shares), 1)))
	r.Rows = append(r.Rows, row)
}
