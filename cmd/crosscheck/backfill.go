package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/eventlog"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// backfillLease is how long the lease of a backfill outlives its process. It is short, because a run that was killed is
// usually begun again at once.
const backfillLease = 15 * time.Second

// pagesAlive is a GOGC for commands that keep a few pages of orders and leave much behind. It takes some 60 MiB more, and a quarter
// off the processor time.
const pagesAlive = 400

type backfillCommand struct {
	From      string `help:"Only orders that were created at this time or later: a date in UTC, or a time such as 2024-01-31T12:00:00Z." placeholder:"TIME"`
	To        string `help:"Only orders that were created before this time." placeholder:"TIME"`
	Workers   int    `help:"How many ranges are written at the same time; default backfill.workers." placeholder:"N"`
	DryRun    bool   `help:"Count, and show some events, but write nothing."`
	AfterLive bool   `help:"Append older events also to orders that have newer ones. They are then out of order."`
	AnyHour   bool   `help:"Do not wait for throttle.hours; the other limits of throttle hold."`
	JSON      bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`

	from, to time.Time
}

// Validate is called when the command line was parsed.
func (b *backfillCommand) Validate() (err error) {
	if b.from, err = instant("--from", b.From); err != nil {
		return err
	}
	if b.to, err = instant("--to", b.To); err != nil {
		return err
	}
	if !b.from.IsZero() && !b.to.IsZero() && !b.from.Before(b.to) {
		return errors.New("--from must be before --to")
	}
	if b.Workers < 0 || b.Workers > 16 {
		return errors.New("--workers: must be from 1 to 16")
	}
	return nil
}

// instant reads a date or a time; zero if there is none.
func instant(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is neither a date such as 2024-01-31 nor a time such as 2024-01-31T12:00:00Z", flag, text)
}

func (b *backfillCommand) run(ctx context.Context, p *program) (int, error) {
	debug.SetGCPercent(pagesAlive)
	c, err := p.load()
	if err != nil {
		return exitError, err
	}
	if err := b.allowed(c); err != nil {
		return exitError, err
	}
	l, err := openLedger(ctx, c, p.log())
	if err != nil {
		return 0, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	bar := newProgress(p.stderr)
	defer bar.close()
	f, done, err := b.filler(ctx, p, c, l, bar)
	if err != nil {
		return 0, placed(c, withoutSecrets(c, err))
	}
	defer done()
	run := backfill.Run{Name: b.name(c), Holder: holder(), Claim: rand.Text()}
	began := time.Now()
	report, err := b.fill(ctx, c, f, run, holding(l, "backfill "+c.Backfill.Table, backfillLease, p.log()))
	bar.close()
	return b.tell(p, c, backfillReport{Report: report, Run: run.Name, DryRun: b.DryRun, Seconds: time.Since(began).Seconds()}, err)
}

// fill runs, perhaps together with other processes.
func (b *backfillCommand) fill(ctx context.Context, c *config.Config, f *backfill.Filler, run backfill.Run, h lease.Holding) (report backfill.Report, err error) {
	if b.DryRun {
		return f.Run(ctx, run)
	}
	if !c.Verify.Shared || f.Notes != nil { // without notes in the store nothing fences what others write
		err = alone(ctx, h, func(ctx context.Context, held lease.Lease) (err error) {
			run.Lease = held
			report, err = f.Run(ctx, run)
			return err
		})
		return report, err
	}
	q, err := openJobs(ctx, c, h.Log)
	if err != nil {
		return report, err
	}
	defer q.Close()
	if err := q.Migrate(ctx); err != nil {
		return report, err
	}
	return f.Share(ctx, run, backfill.Sharing{Jobs: q.Fills(c.Backfill.Table + " " + run.Name), Hold: h.Do, Lease: h.TTL})
}

// alone does the work under the lease. It waits for the lease of a process that was killed, but not for one that lives.
func alone(ctx context.Context, h lease.Holding, work func(context.Context, lease.Lease) error) error {
	for giveUp := time.Now().Add(h.TTL + time.Second); ; {
		err := h.Do(ctx, work)
		if !errors.Is(err, lease.ErrHeld) || time.Now().After(giveUp) {
			return err
		}
		h.Log.WarnContext(ctx, "waiting, because another process may be at work", slog.String("error", err.Error()))
		if err := lease.Sleep(ctx, time.Until(giveUp)+time.Second); err != nil {
			return err
		}
	}
}

// allowed says what in the configuration forbids the run.
func (b *backfillCommand) allowed(c *config.Config) error {
	switch {
	case !c.Events.Given():
		return withHint(errors.New("there is no event store: the configuration has no section events"), "see docs/backfill.md")
	case !c.Backfill.Enabled && !b.DryRun:
		return withHint(errors.New("backfill.enabled is false: nothing may write to the event store"), "set backfill: {enabled: true} in the configuration; --dry-run writes nothing and needs no permission")
	case (b.From != "" || b.To != "") && c.CreatedAt() == "":
		return withHint(errors.New("--from and --to need the time at which orders were created"), "set history.created_at, or compare a field created_at")
	}
	return nil
}

// name is the same for a run over the same orders with the same rules.
func (b *backfillCommand) name(c *config.Config) string {
	created := "at any time"
	switch from, to := b.from.Format(time.RFC3339Nano), b.to.Format(time.RFC3339Nano); {
	case b.from.IsZero() && b.to.IsZero():
	case b.to.IsZero():
		created = "from " + from
	case b.from.IsZero():
		created = "before " + to
	default:
		created = "from " + from + " to " + to
	}
	rules := sha256.New()
	for _, column := range slices.Sorted(maps.Keys(c.Backfill.Columns)) {
		_, _ = fmt.Fprintf(rules, "%q=%q;", column, c.Backfill.Columns[column])
	}
	_, _ = fmt.Fprintf(rules, "%s;%d;%t;%s", c.Fingerprint(), history.Version, b.AfterLive, source.DatabaseOf(c.Legacy.DSN.Reveal()))
	return created + " " + hex.EncodeToString(rules.Sum(nil)[:4])
}

// filler opens what is read and written. The function closes it.
func (b *backfillCommand) filler(ctx context.Context, p *program, c *config.Config, l *ledger.Ledger, bar *progress) (f *backfill.Filler, done func(), err error) {
	var closers []func()
	closeAll := func() {
		for _, end := range slices.Backward(closers) {
			end()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	schema, err := c.Schema()
	if err != nil {
		return nil, nil, err
	}
	speaker, err := c.Speaker()
	if err != nil {
		return nil, nil, err
	}
	var judged []string
	for _, field := range c.Compare.Fields {
		if c.Judges(field.Field) {
			judged = append(judged, field.Name)
		}
	}
	past, err := source.OpenPast(ctx, b.past(c))
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, past.Close)
	events, err := openEvents(ctx, c, nil)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, events.Close)
	f = &backfill.Filler{
		Legacy: past, Events: events, DryRun: b.DryRun, Schema: schema, Speaker: speaker, Judged: judged,
		Settle: c.Compare.Settle.Window, Rechecks: c.Compare.Settle.Rechecks, AfterLive: b.AfterLive, Workers: b.workers(c), Page: c.Backfill.Orders,
		Progress: bar.show, Wait: lease.Sleep,
	}
	if !c.Backfill.Enabled {
		return f, closeAll, nil
	}
	log, err := eventlog.Open(ctx, logConfig(c, b.workers(c)))
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, log.Close)
	f.Store = log
	f.Pacers = b.pacers(c, past, log, bar)
	if b.DryRun {
		return f, closeAll, nil
	}
	if err := log.MakeNotes(ctx); err != nil {
		return nil, nil, err
	}
	if !log.Keeps() {
		p.log().WarnContext(ctx, "the store has no table for checkpoints, so the ledger keeps them", slog.String("table", c.Backfill.Table))
		f.Notes = l
	}
	return f, closeAll, nil
}

func (b *backfillCommand) workers(c *config.Config) int {
	if b.Workers > 0 {
		return b.Workers
	}
	return c.Backfill.Workers
}

func (b *backfillCommand) past(c *config.Config) source.PastConfig {
	legacy := legacyConfig(c, nil)
	legacy.Connections = b.workers(c)
	return source.PastConfig{
		Legacy: legacy, History: source.HistoryConfig{AuditLog: c.History.AuditLog, Trades: c.History.Trades}, CreatedAt: c.CreatedAt(), From: b.from, To: b.to,
	}
}

// logConfig says how events are written.
func logConfig(c *config.Config, workers int) eventlog.Config {
	b, e := c.Backfill, c.Events
	return eventlog.Config{
		DSN: b.DSN.Reveal(), Table: b.Table, Columns: b.Columns, Zone: e.Zone, Unit: e.Unit, Checkpoint: b.Checkpoint, Connections: workers, Publish: b.Publish, Lock: b.Lock,
		ReadTable: e.Table, ReadKey: e.Key, ReadPayload: e.Payload, Where: e.Where, Strip: e.Strip,
	}
}

// pacers keep the limits of both servers. That of the store also keeps WAL for replication slots.
func (b *backfillCommand) pacers(c *config.Config, past *source.Past, log *eventlog.Log, bar *progress) []*throttle.Pacer {
	limits := c.Throttle
	if b.AnyHour {
		limits.Hours = throttle.Hours{}
	}
	pacer := func(side order.Representation, limits throttle.Limits, observe func(context.Context) (throttle.Load, error)) *throttle.Pacer {
		return &throttle.Pacer{
			Limits: limits, Side: string(side), Ranged: true, Observe: observe, Now: time.Now, Wait: lease.Sleep,
			Changed: func(_ context.Context, s throttle.State) error { bar.throttled(s); return nil },
		}
	}
	writing := limits
	writing.SlotReserve = c.Backfill.SlotReserve << 20
	return []*throttle.Pacer{
		pacer(order.Legacy, limits, func(ctx context.Context) (throttle.Load, error) { return past.Load(ctx, limits) }),
		pacer(order.Events, writing, func(ctx context.Context) (throttle.Load, error) { return log.Load(ctx, writing) }),
	}
}

// backfillReport is what the command prints.
type backfillReport struct {
	Run    string `json:"run"`
	DryRun bool   `json:"dry_run"`
	backfill.Report
	Seconds float64 `json:"duration_seconds"`
	Error   string  `json:"error,omitempty"`
}

// tell prints the report, and returns the exit code.
func (b *backfillCommand) tell(p *program, c *config.Config, r backfillReport, err error) (int, error) {
	if err != nil {
		r.Error = strings.Join(strings.Fields(c.Mask(err.Error())), " ")
	}
	var writeErr error
	if b.JSON {
		writeErr = writeObject(p.stdout, r)
	} else if r.Orders+r.Resumed+r.Others.Orders > 0 || err == nil {
		writeErr = r.writeText(p.stdout)
	}
	if writeErr != nil {
		return exitError, fmt.Errorf("writing the report: %w", writeErr)
	}
	code := exitAgrees
	for why, n := range r.Left {
		switch {
		case n == 0:
		case why == backfill.Moving || why == backfill.Unreadable:
			code = max(code, exitUnverified)
		default:
			code = max(code, exitDiverged)
		}
	}
	switch {
	case err == nil:
		return code, nil
	case errors.Is(err, context.Canceled), errors.Is(err, verify.ErrHidden):
		return exitUnverified, withHint(withoutSecrets(c, err), "the same command goes on from here")
	default:
		return 0, withoutSecrets(c, err)
	}
}
