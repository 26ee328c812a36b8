package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/repair"
	"github.com/nordvarg/crosscheck/verify"
)

type repairCommand struct {
	Plan  string `required:"" help:"The file that is written: SQL for people to review, and to apply with psql." placeholder:"FILE"`
	Force bool   `help:"Replace the file if it exists."`
	JSON  bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

var (
	errNothingToFold = errors.New("repair needs an event store")
	errNothingFound  = errors.New("the ledger is empty")
	errFileExists    = errors.New("the file exists")
)

const (
	planLimit = 10_000 // divergences, and findings of audits, in one plan
	planPage  = 500    // orders that are read at a time
)

// planned is the report of a plan.
type planned struct {
	Files  []string           `json:"files"`
	Orders []plannedOrder     `json:"orders"`
	Decide []repair.Undecided `json:"decide"`
	Gone   []repair.Gone      `json:"gone"`
	More   bool               `json:"more"` // further divergences are open
}

type plannedOrder struct {
	OrderID order.Key `json:"order_id"`
	Cause   string    `json:"cause"`
	What    []string  `json:"what"`
}

func (r *repairCommand) run(ctx context.Context, p *program) (int, error) {
	c, err := p.load()
	if err != nil {
		return exitError, err
	}
	if !c.Events.Given() {
		return exitError, withHint(errNothingToFold, "add the section events to the configuration: without events nothing tells what is right")
	}
	if err := r.free(r.Plan); err != nil {
		return exitError, err
	}
	if c, err = p.remaining(ctx, c); err != nil {
		return 0, err
	}
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return 0, err
	}
	defer s.close()
	if err := s.readable(ctx, c); err != nil {
		return exitError, err
	}
	open, found, err := openFindings(ctx, c, s, p)
	if err != nil {
		return exitUnverified, err
	}
	now := time.Now()
	report := planned{Files: []string{}, Orders: []plannedOrder{}, Decide: []repair.Undecided{}, Gone: []repair.Gone{}, More: max(len(open), len(found)) == planLimit}
	if len(open)+len(found) > 0 {
		w := planning{config: c, sides: s, batch: "repair " + now.UTC().Format(time.RFC3339)}
		plan, err := w.plan(ctx, open, found, p)
		if err != nil {
			return 0, err
		}
		if report.Files, err = r.write(ctx, &w, plan, now); err != nil {
			return exitError, err
		}
		report.fill(plan)
	}
	if r.JSON {
		err = writeObject(p.stdout, report)
	} else {
		_, err = io.WriteString(p.stdout, printable(report.text()))
	}
	if err != nil {
		return exitError, fmt.Errorf("writing the report: %w", err)
	}
	if len(report.Decide) > 0 {
		return exitDiverged, nil
	}
	return exitAgrees, nil
}

// openFindings returns the oldest divergences that are open, and the oldest findings of audits.
func openFindings(ctx context.Context, c *config.Config, s sides, p *program) (open []verify.Divergence, found []verify.AuditFinding, err error) {
	fingerprint, err := s.fingerprint(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return nil, nil, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	if open, err = l.OpenDivergences(ctx, fingerprint, planLimit); err == nil {
		found, err = l.AuditFindings(ctx, fingerprint, verify.Open, planLimit)
	}
	if errors.Is(err, board.ErrNotMigrated) {
		err = withHint(errNothingFound, "run crosscheck verify first: a plan is made for what it has found")
	}
	return open, found, err
}

// write writes one file; one for each database, if store and projection are in two.
func (r *repairCommand) write(ctx context.Context, w *planning, plan *repair.Plan, now time.Time) ([]string, error) {
	h := repair.Header{At: now, Batch: w.batch, Events: w.config.Events.Table}
	if w.config.RepairedTable() != w.config.Projection.Table {
		h.View = w.config.Projection.Table
	}
	type part struct {
		file string
		in   []order.Representation
	}
	parts := []part{{r.Plan, []order.Representation{order.Events, order.Projection}}}
	if w.apart {
		base, ext := strings.TrimSuffix(r.Plan, filepath.Ext(r.Plan)), filepath.Ext(r.Plan)
		parts = []part{{base + "-events" + ext, []order.Representation{order.Events}}, {base + "-projection" + ext, []order.Representation{order.Projection}}}
	}
	var files []string
	for _, part := range parts {
		if err := r.free(part.file); err != nil {
			return files, err
		}
	}
	for _, part := range parts {
		h.Database = w.databases[part.in[0]]
		err := newFile(part.file, r.Force, func(to io.Writer) error {
			_, err := plan.Script(to, h, part.in...)
			return err
		})
		if errors.Is(err, fs.ErrExist) {
			return files, existing(part.file)
		}
		if err != nil {
			return files, withHint(fmt.Errorf("writing the plan %s: %w", part.file, withoutPath(err)), "the folder must exist and be writable")
		}
		files = append(files, part.file)
	}
	return files, nil
}

// free returns an error if the file is there and must not be replaced.
func (r *repairCommand) free(file string) error {
	if _, err := os.Lstat(file); err == nil && !r.Force {
		return existing(file)
	}
	return nil
}

func existing(file string) error {
	return withHint(fmt.Errorf("%w: %s", errFileExists, file), "choose another name, or replace it with --force")
}

// newFile writes a file that only its owner can read, as a whole or not at all. Only with force it replaces another one.
func newFile(file string, force bool, write func(io.Writer) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*") // with mode 0600
	if err != nil {
		return err
	}
	if err = write(temporary); err == nil {
		err = temporary.Sync()
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	switch {
	case err != nil:
	case force:
		if err = os.Rename(temporary.Name(), file); err == nil {
			return nil
		}
	default:
		err = os.Link(temporary.Name(), file) // fails if the file is there
	}
	return errors.Join(err, os.Remove(temporary.Name()))
}

func (r *planned) fill(plan *repair.Plan) {
	for _, o := range plan.Orders {
		out := plannedOrder{OrderID: o.Key, Cause: string(o.Cause)}
		for _, s := range o.Statements {
			out.What = append(out.What, s.What)
		}
		r.Orders = append(r.Orders, out)
	}
	r.Decide, r.Gone = append(r.Decide, plan.Decide...), append(r.Gone, plan.Gone...)
}

// text is the report for people. The file has all of it.
func (r *planned) text() string {
	const most = 20
	if len(r.Files) == 0 {
		return "Nothing is open under this configuration, so there is nothing to plan.\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s can be repaired. Review it, and apply it with psql -f; then run crosscheck verify, and audit.\n",
		strings.Join(r.Files, ", "), human.Quantity(int64(len(r.Orders)), "order", "orders"))
	if n := len(r.Decide); n > 0 {
		fmt.Fprintf(&b, "%s a decision:\n", human.Quantity(int64(n), "divergence or finding needs", "divergences and findings need"))
	}
	for i, u := range r.Decide {
		if i == most {
			fmt.Fprintf(&b, "  and %s more, at the end of the file\n", human.Number(int64(len(r.Decide)-most)))
			break
		}
		fmt.Fprintf(&b, "  order %s, %s, %s: %s\n    decide: %s\n", human.Shown(string(u.Key)), u.Hop, u.Name(), u.Why, u.Decide)
	}
	if n := len(r.Gone); n > 0 {
		fmt.Fprintf(&b, "%s not seen any more; the next pass resolves them.\n", human.Quantity(int64(n), "divergence or finding was", "divergences and findings were"))
	}
	if r.More {
		fmt.Fprintf(&b, "The plan has the oldest %s divergences and findings; plan again after it.\n", human.Number(planLimit))
	}
	return b.String()
}
