// Package verify compares whole key spaces. It reads the representations through ports, finds suspects, waits until
// possible lag has settled, and stores verdicts in the ledger.
//
// Invariant: what was not read is never a match. A pass knows how much it had to compare and how much it did compare.
// An error, a timeout, an empty table or a killed process ends it as unverified.
package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Comparison is the two sides, the fields to compare, and the ledger for the result.
type Comparison struct {
	Legacy, Projection Side
	Fields             []order.Field
	// Rules are those by which events are folded; nil is the preset for orders.
	Rules *order.Rules
	// Leftovers is true if old events may have been archived: see [compare.Oracle].
	Leftovers bool
	// GroupBy is the field by whose values rows are counted; empty counts all as one group.
	GroupBy string
	// Recount is how old counts by group may be before a full pass counts again; zero counts in each.
	Recount time.Duration
	Settle  compare.Settle
	// MaxSnapshot is how long a full pass may hold a snapshot: it compares ranges of keys, one after another, each in its own.
	// Zero compares everything in one.
	MaxSnapshot time.Duration
	// Passes returns true for an error after which a range is tried again; nil for none.
	Passes func(error) bool
	// Lost returns true for those of these errors after which another process is to go on with the pass, because a database cannot
	// be reached; nil for none.
	Lost func(error) bool
	// Events tells at which hop an order parts, and why; nil if there is no event store.
	Events Events
	// Records is legacy's own record, as further evidence; nil if there is none. It is used only together with Events.
	Records Records
	// Audits is what audits need; nil if the history cannot be audited.
	Audits *Audits
	// Folded lets full verification compare legacy with the events too; nil leaves that out.
	Folded *Folded
	Ledger Ledger
	// Conflict tells whether a standby has cancelled a read, which succeeds in a new snapshot; nil if none can.
	Conflict func(error) bool
	Random   Random
	// Now is the comparer's clock. Wait sleeps, and returns early with the context's error.
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
	// OnMismatch is called for every mismatch that a scan finds, including lag; may be nil.
	OnMismatch func(compare.Mismatch)
	// NewestEvents lets any delta pass leave out old events for a while after a look at all, as scheduled passes do.
	NewestEvents bool
	// Whole lets a delta pass compare everything by one number for each side too.
	Whole bool
	// Instead is asked before a full pass is made instead of a delta pass, with the reason. If it returns an error, no pass
	// begins. Nil agrees.
	Instead func(reason string) error
	// Progress is called with the progress of a pass; may be nil.
	Progress func(Progress)
	// Throttle limits what a full pass costs; nil is no limit.
	Throttle *Throttle
	// Pace is called before a pass takes snapshots, and waits until it may. It is set for passes with a throttle.
	Pace func(ctx context.Context, rows int64) error
	Log  *slog.Logger

	// Jobs hands ranges of a full pass to other processes too; nil compares all in this one. Worker names this process.
	Jobs   Jobs
	Worker string

	firstRange, firstPart, leastShared int64 // rows; 0 is the constant
}

// Oracle is the judge of orders of which events were read.
func (c *Comparison) Oracle() compare.Oracle {
	return compare.Oracle{Fields: c.Fields, Rules: c.Rules, Leftovers: c.Leftovers}
}

// Progress is how far a stage of a pass has come.
type Progress struct {
	Stage string // "number", "digest", "drill-down", "sample", "settle"; with a hop if the pass walks over two
	Done  int64
	Total int64 // an estimate; 0 when unknown
	// Note says who works on it, if there are several; empty otherwise.
	Note string
}

// pass is one running execution.
type pass struct {
	c       *Comparison
	unpaced *Comparison // c before a throttle; nil if there is none
	lease   lease.Lease
	id      PassID
	// fingerprint is that of the pass.
	fingerprint string
	pending     []Suspect // not yet in the ledger
	written     []Suspect // those that are being stored
	aside       aside
	suspects    int64
	restarts    int // of the scan, after a standby has cancelled reads
	// at is when both snapshots had been taken. reached is the newest change that the projection showed in its
	// snapshot.
	at, reached time.Time
	slowed      slowed
	width       int64       // bytes of the widest average row that a read brought
	strata      strataCount // of compared orders, in a sample; nil in other passes
	quiet       bool        // the pass tells its progress itself
	part        int         // the range of keys that is compared; 0 if there are none
	hold        bool        // suspects are stored with their range, in one transaction
	helps       bool        // another process holds the pass
	// soon is true if suspects are looked at again before a settle window has passed. instead says why a full pass is made
	// instead of a delta pass; empty if it is none. irregular is true if looks after this pass have to read all events.
	soon, irregular bool
	instead         string
	listed          map[string]int // findings of an audit that were stored, by kind
	audits          bool           // the pass is an audit
	clues           history.Clues  // of its whole scan
	created         Span           // of its orders
}

const (
	// batch is how many orders are judged or stored at once, if their rows are not wide.
	batch = 5000
	// readBytes is how many bytes one read of a side may bring into memory, estimated from earlier rows.
	readBytes = 32 << 20
	// unknownRows is how many rows are read while their width is not known.
	unknownRows = 1000
)

// batchSize is how many orders to read at once, up to most.
func (p *pass) batchSize(most int) int {
	if p.width == 0 {
		return min(most, unknownRows)
	}
	return min(most, max(int(readBytes/p.width), 16))
}

// finishTimeout limits the write of the result of a pass that is being stopped.
const finishTimeout = 10 * time.Second

// Full compares every order.
func (c *Comparison) Full(ctx context.Context, l lease.Lease, s Start) (Pass, error) {
	s.Kind, s.Ranged = Full, c.MaxSnapshot > 0
	return c.runFull(ctx, l, s, func(_ *pass, ctx context.Context) (time.Time, error) { return c.through(ctx, s.At) })
}

// runFull runs a full pass, after it was asked up to when its snapshots will have every commit.
func (c *Comparison) runFull(ctx context.Context, l lease.Lease, s Start, through func(*pass, context.Context) (time.Time, error)) (Pass, error) {
	scan := func(p *pass, ctx context.Context, scan *Scan) (err error) {
		if scan.Through, err = through(p, ctx); err != nil {
			return err
		}
		return p.full(ctx, scan)
	}
	if !s.Ranged { // each range is tried again by itself
		scan = again(scan)
	}
	return c.run(ctx, l, s, scan)
}

// Sample compares size orders drawn uniformly from both sides' key space, the orders changed last, and all with an open
// divergence.
func (c *Comparison) Sample(ctx context.Context, l lease.Lease, s Start, size int) (Pass, error) {
	s.Kind = Sample
	return c.run(ctx, l, s, again(func(p *pass, ctx context.Context, scan *Scan) error { return p.sample(ctx, scan, size, s.Fewer) }))
}

// ErrNotRanged is returned by Resume for a pass that was scanning, if it cannot go on in ranges.
var ErrNotRanged = errors.New("a full pass can be resumed only in ranges (verify.max_snapshot)")

// Resume goes on with a pass whose process ended: with the ranges that are not done, or with its suspects. The caller has
// adopted it under the lease.
func (c *Comparison) Resume(ctx context.Context, l lease.Lease, found Pass) (Pass, error) {
	p := &pass{c: c, lease: l, id: found.ID, fingerprint: found.Fingerprint, soon: found.Kind == Delta, audits: found.Kind == Audit}
	p.throttle(found.Kind, (found.Kind == Full || found.Kind == Audit) && found.State == Scanning)
	switch {
	case found.State == Settling && found.Kind == Reads: // it has no suspects in the ledger
		facts, _ := found.Scan.Facts.(ReadsFacts) // unknown ones are no answers
		return p.finish(ctx, found, facts.Result())
	case found.State == Settling:
		return p.conclude(ctx, found)
	case found.Kind == Audit:
		return p.scan(ctx, found, (*pass).resumeAudit)
	case found.Kind != Full || !found.Ranged || c.MaxSnapshot == 0:
		return found, ErrNotRanged
	}
	p.irregular = true // nothing tells whether the process that began it knew of such events
	return p.scan(ctx, found, (*pass).full)
}

func (c *Comparison) run(ctx context.Context, l lease.Lease, s Start, scan func(*pass, context.Context, *Scan) error) (Pass, error) {
	id, err := c.Ledger.BeginPass(ctx, l, s)
	if err != nil {
		return Pass{}, fmt.Errorf("beginning a %s pass: %w", s.Kind, err)
	}
	p := &pass{c: c, lease: l, id: id, fingerprint: s.Fingerprint, soon: s.Kind == Delta || s.Kind == Recheck, audits: s.Kind == Audit}
	done := Pass{
		ID: id, Pair: c.Ledger.Pair(), Kind: s.Kind, State: Scanning, Trigger: s.Trigger,
		ScheduledAt: s.ScheduledAt, Fingerprint: s.Fingerprint, StartedAt: s.At, Ranged: s.Ranged,
	}
	p.throttle(s.Kind, s.Kind == Full || s.Kind == Audit)
	return p.scan(ctx, done, scan)
}

// scan reads both sides, and goes on with the suspects.
func (p *pass) scan(ctx context.Context, done Pass, scan func(*pass, context.Context, *Scan) error) (Pass, error) {
	err := p.pace(ctx)
	if err == nil {
		err = scan(p, ctx, &done.Scan)
	}
	if err == nil {
		err = p.flush(ctx)
	}
	if err == nil {
		err = p.changesLater(ctx, &done.Scan)
	}
	_ = p.aside.wait() // after an error: it was told already, or followed from it
	done.Scan.Mismatches = p.suspects
	if err != nil {
		return p.abort(ctx, done, err)
	}
	if err := p.c.Ledger.ScanDone(ctx, p.lease, p.id, done.Scan); err != nil {
		return p.abort(ctx, done, err)
	}
	done.State = Settling
	p.slowed.clear()
	p.throttle(done.Kind, false)
	return p.conclude(ctx, done)
}

// conclude waits for the suspects to settle and writes the verdict.
func (p *pass) conclude(ctx context.Context, done Pass) (Pass, error) {
	if f, ok := done.Scan.Facts.(AuditFacts); ok {
		p.clues, p.created = f.Clues, f.Created
	}
	if err := p.settle(ctx); err != nil {
		return p.abort(ctx, done, err)
	}
	tally, err := p.c.Ledger.Tally(ctx, p.id)
	if err != nil {
		return p.abort(ctx, done, err)
	}
	return p.finish(ctx, done, result(done.Scan, tally))
}

// result is the verdict of a pass that ran to its end.
func result(scan Scan, t Tally) Result {
	r := Result{Verdict: compare.Match, Diverged: t.Diverged, Lagging: t.Lagging, Unverified: t.Unverified + t.Lagging}
	switch {
	case t.Diverged > 0:
		r.Verdict = compare.Diverged
		r.Reason = count(t.Diverged, "order has diverged", "orders have diverged")
		if _, audit := scan.Facts.(AuditFacts); audit {
			r.Reason = count(t.Diverged, "order has findings", "orders have findings")
		}
		if len(scan.Widespread()) > 0 {
			r.Reason = scan.Reason
		}
	case scan.Compared == 0 && !scan.extends():
		r.Verdict = compare.Unverified
		r.Reason = "nothing was compared: " + scan.Reason
	case scan.Coverage < 1:
		r.Verdict = compare.Unverified
		r.Reason = "not everything was compared: " + scan.Reason
	case r.Unverified > 0:
		r.Verdict = compare.Unverified
		r.Reason = count(r.Unverified, "order did not hold still long enough to be judged", "orders did not hold still long enough to be judged")
	}
	return r
}

// oneLine returns an error as a reason. Drivers list the addresses that they tried on separate lines.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (p *pass) finish(ctx context.Context, done Pass, r Result) (Pass, error) {
	done.State, done.Result, done.FinishedAt = Done, r, p.c.Now()
	if err := p.c.Ledger.FinishPass(ctx, p.lease, p.id, r, done.FinishedAt); err != nil {
		return done, err
	}
	level := slog.LevelInfo
	if done.Kind == Delta && r.Verdict == compare.Match { // every few seconds
		level = slog.LevelDebug
	}
	p.c.Log.Log(ctx, level, "pass finished", slog.String("pass", string(done.Kind)), slog.Int64("id", int64(p.id)),
		slog.String("verdict", string(r.Verdict)), slog.Int64("compared", done.Scan.Compared), slog.Float64("coverage", done.Scan.Coverage),
		slog.Int64("diverged", r.Diverged), slog.Int64("unverified", r.Unverified), slog.Duration("took", done.FinishedAt.Sub(done.StartedAt)))
	return done, nil
}

// abort ends a pass after an error: unverified, with the coverage so far. It returns the pass with the error, so that a
// caller can report it. It does not touch a pass that lost its lease, because it belongs to another process, nor one that was ended. It also
// leaves a pass that can be resumed to the next process if this one was told to stop, or lost a database.
func (p *pass) abort(ctx context.Context, done Pass, cause error) (Pass, error) {
	resumable := done.State == Settling || done.Ranged && (p.c.MaxSnapshot > 0 || done.Kind == Audit)
	lost := done.State == Scanning && p.c.Lost != nil && p.c.Lost(cause) && !errors.Is(cause, errTooLong) && !errors.Is(cause, ErrConflicts)
	if errors.Is(cause, lease.ErrFenced) || errors.Is(cause, ErrNotScanning) || resumable && (ctx.Err() != nil || lost) {
		return done, cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	r := Result{Verdict: compare.Unverified, Reason: oneLine(cause)}
	if done.Kind == Audit && done.State == Settling { // its suspects are in no number
		done.Scan.Coverage = 0
	}
	if done.State == Scanning {
		done.Scan.Coverage = min(done.Scan.Coverage, 0.999999)
		done.Scan.Reason = oneLine(cause)
		if err := p.c.Ledger.ScanDone(ctx, p.lease, p.id, done.Scan); err != nil {
			return done, errors.Join(cause, err)
		}
	}
	if tally, err := p.c.Ledger.Tally(ctx, p.id); err == nil {
		waiting, _, _ := p.c.Ledger.NextDue(ctx, p.id) // only a number in a report
		r.Diverged, r.Unverified = tally.Diverged, tally.Unverified+tally.Lagging+waiting
		if tally.Diverged > 0 {
			r.Verdict = compare.Diverged
		}
	}
	done, err := p.finish(ctx, done, r)
	return done, errors.Join(cause, err)
}

// compareRows compares all rows that the two sides have for one key, and queues a suspect if they disagree. The events
// are read when the suspect is judged, because there may be a million suspects.
func (p *pass) compareRows(ctx context.Context, key order.Key, legacy, projection []order.Row, inSample bool) error {
	m := compare.Rows(p.c.Fields, key, legacy, projection)
	if m == nil {
		return nil
	}
	return p.suspect(ctx, compare.Seen(m, key, legacy, projection, p.at, p.reached), legacy, projection, inSample)
}

func (p *pass) progress(stage string, done, total int64) {
	if p.restarts > 0 && stage != "settle" {
		stage = fmt.Sprintf("%s (restart %d)", stage, p.restarts)
	}
	if p.c.Progress != nil && !p.quiet {
		p.c.Progress(Progress{Stage: stage, Done: done, Total: total})
	}
}

// snapshots are both sides, each at one instant, taken at about the same time.
type snapshots struct{ legacy, projection Snapshot }

func (c *Comparison) begin(ctx context.Context) (snapshots, error) {
	return beginBoth(ctx, c.Legacy, c.Projection)
}

func beginBoth(ctx context.Context, legacy, projection Side) (s snapshots, err error) {
	var g errgroup.Group
	g.Go(func() (err error) { s.legacy, err = legacy.Begin(ctx); return err })
	g.Go(func() (err error) { s.projection, err = projection.Begin(ctx); return err })
	if err := g.Wait(); err != nil {
		s.close()
		return snapshots{}, err
	}
	return s, nil
}

func (s snapshots) close() {
	if s.legacy != nil {
		s.legacy.Close()
	}
	if s.projection != nil {
		s.projection.Close()
	}
}

// both runs the same read on both sides at once.
func both[T any](s snapshots, read func(Snapshot) (T, error)) (legacy, projection T, err error) {
	var g errgroup.Group
	g.Go(func() (err error) { legacy, err = read(s.legacy); return err })
	g.Go(func() (err error) { projection, err = read(s.projection); return err })
	err = g.Wait()
	return legacy, projection, err
}

// byRole orders the results of both sides by their roles in this comparison.
func byRole[T any](c *Comparison, legacy, projection T) (truth, follower T) {
	if c.Legacy.Role() == order.Follower {
		return projection, legacy
	}
	return legacy, projection
}
