package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/switches/fence"
)

type cutoverCommand struct {
	Install   cutoverInstall   `cmd:"" help:"Install the fence in legacy, ahead of time. It keeps nobody out yet."`
	Uninstall cutoverUninstall `cmd:"" help:"Remove an open fence from legacy."`
	Fence     cutoverFence     `cmd:"" help:"The state of the fence, who is inside, and the line with which a person opens legacy by hand."`
	Close     cutoverClose     `cmd:"" help:"Close legacy to writers for good, where a run waits for it. It ends no run and moves no switch."`
	Unfence   cutoverUnfence   `cmd:"" help:"Open legacy to writers, whoever has closed it."`
	Plan      cutoverPlan      `cmd:"" help:"The steps, what they are forecast to take, and which guardrails pass now. Nothing is touched."`
	Rehearse  cutoverRehearse  `cmd:"" help:"Do everything up to a step before the switch of writes, and roll back: legacy is closed for that moment."`
	Approve   cutoverApprove   `cmd:"" help:"Approve the newest decision GO, as a second person."`
	Execute   cutoverExecute   `cmd:"" help:"Cut over."`
	Frozen    cutoverFrozen    `cmd:"" help:"Whether legacy is as the newest completed cutover has left it."`
	Status    cutoverStatus    `cmd:"" help:"Where the runs stand."`
	Report    cutoverReport    `cmd:"" help:"What became of a run: timeline, evidence, who, and what clients saw."`
	Abort     cutoverAbort     `cmd:"" help:"Roll a run back that has not ended."`
	Resume    cutoverResume    `cmd:"" help:"Finish a run whose process is gone, or roll it back."`
	Rollback  cutoverRollback  `cmd:"" help:"Go back to legacy, also from a run that is completed, if the new side has accepted no write, or a reverse feed has brought all to legacy."`
}

type cutoverRehearse struct {
	Until string `help:"The last step that is done: final-verification, permanent-fence, or switch-reads, which moves reads for a moment and undoes both switches." enum:"final-verification,permanent-fence,switch-reads" default:"final-verification"`
	JSON  bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	sliceFlag
}

func (r *cutoverRehearse) run(ctx context.Context, p *program) (int, error) {
	t, err := p.openSlice(ctx, r.sliceFlag)
	if err != nil {
		return 0, err
	}
	defer t.close()
	asks := make(chan cutoverrun.Request, 1)
	tell := t.telling(r.JSON)
	report := func(s cutoverrun.Status) {
		tell(s)
		if cutoverrun.Reached([]cutover.Record{s.Newest}, cutover.Step(r.Until)) {
			select {
			case asks <- cutoverrun.Request{Asks: cutover.Abort}:
			default: // somebody has asked for it already
			}
		}
	}
	name, err := t.newRun(ctx, true)
	if err != nil {
		return 0, err
	}
	checks := &guarding{cutting: t, who: asker(), rehearsal: true, until: cutover.Step(r.Until)}
	s, err := t.begin(ctx, name, checks, unheld{}, asks, report)
	if err != nil {
		return exitError, err
	}
	return t.rehearsed(ctx, s, cutover.Step(r.Until), r.JSON)
}

// rehearsed sums a rehearsal up: it is meant to roll back, after its last step was done.
func (t *cutting) rehearsed(ctx context.Context, s cutoverrun.Status, until cutover.Step, asJSON bool) (int, error) {
	journals, err := t.ledger.Runs(ctx)
	if err != nil {
		return exitError, err
	}
	records := journals[len(journals)-1]
	took := cutoverrun.Measure(records)
	reached := cutoverrun.Reached(records, until)
	code := exitAgrees
	if !reached || s.State.Phase != cutover.RolledBack {
		code = exitDiverged
	}
	if asJSON {
		return code, writeObject(t.stdout, struct {
			cutoverrun.Status
			Forward float64 `json:"forward_seconds"`
			Back    float64 `json:"back_seconds"`
		}{s, took.Forward.Seconds(), took.Back.Seconds()})
	}
	text := fmt.Sprintf("The rehearsal %s reached the final verification %.2f s after the fence was asked for, and opened legacy again in %.2f s.\n", s.Run, took.Forward.Seconds(), took.Back.Seconds())
	if code != exitAgrees {
		made, err := makeReport(ctx, t.config, t.ledger, s.Run, false)
		if err != nil {
			return exitError, err
		}
		text = fmt.Sprintf("The rehearsal %s did not get to the end of %s. %s\n", s.Run, until, printable(made.Summary))
	}
	_, err = fmt.Fprint(t.stdout, text+reportHint(s.Run))
	return code, err
}

// begin begins a run and drives it to its end.
func (t *cutting) begin(ctx context.Context, name string, checks steps.Checks, hold steps.Gate, asks chan cutoverrun.Request, report func(cutoverrun.Status)) (cutoverrun.Status, error) {
	c := t.coordinator(checks, hold, asks, report)
	seen := t.seeing(ctx, name)
	defer seen.finish()
	seen.attach(ctx, c)
	b, err := t.budget(ctx)
	if err != nil {
		return cutoverrun.Status{}, err
	}
	c.Budget = b
	return t.drive(ctx, name, cutoverrun.Request{}, asks, func() (cutoverrun.Status, error) { return c.Begin(ctx, name, t.slice) })
}

type cutoverApprove struct {
	Ticket   string `required:"" help:"Where the approval is on record with you." placeholder:"TICKET"`
	As       string `help:"Who approves. Default: the user at this machine." placeholder:"NAME"`
	Until    string `help:"Until when: a time, or a date (the beginning of that day in UTC). Default: for 24 hours." placeholder:"TIME"`
	Decision int64  `help:"The number of the decision, as the gate has printed it: if another one is on record since, nothing is approved. Default: the newest." placeholder:"N"`
	JSON     bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	sliceFlag
}

func (a *cutoverApprove) run(ctx context.Context, p *program) (int, error) {
	now := time.Now()
	until := now.Add(24 * time.Hour)
	if a.Until != "" {
		var err error
		if until, err = future(a.Until, now); err != nil {
			return exitError, err
		}
	}
	c, l, err := p.cutoverLedger(ctx)
	if err != nil {
		return exitError, err
	}
	defer l.Close()
	slice, err := a.name(ctx, c)
	if err != nil {
		return exitError, err
	}
	who := a.As
	if who == "" {
		who = asker()
	}
	approval, err := l.Approve(ctx, gate.Approval{Who: who, OSUser: asker(), Ticket: a.Ticket, Decision: a.Decision, Cutover: c.ApprovalOf(slice), Until: until})
	switch {
	case errors.Is(err, ledger.ErrNotGo):
		printError(p.logs(), err.Error(), "crosscheck gate takes a decision and records it")
		return exitDiverged, nil
	case errors.Is(err, ledger.ErrOtherDecision):
		printError(p.logs(), err.Error(), "look at the newest one, and name it with --decision")
		return exitDiverged, nil
	case err != nil:
		return exitError, err
	}
	if a.JSON {
		return exitAgrees, writeObject(p.stdout, approval)
	}
	of := ""
	if slice != "" {
		of = " for the slice " + printable(slice)
	}
	_, err = fmt.Fprintf(p.stdout, "%s approves decision %d%s (%s) until %s. Head %s\n", approval.Who, approval.Decision, of, approval.Ticket, approval.Until.UTC().Format(time.RFC3339), approval.Hash)
	return exitAgrees, err
}

type cutoverExecute struct {
	Confirm  string `help:"The name of the cutover, instead of typing it at the hold point." placeholder:"NAME"`
	As       string `help:"Who executes. Default: the user at this machine." placeholder:"NAME"`
	Override string `help:"Why it is done without a decision GO and an approval. It is on record and in every report." placeholder:"WHY"`
	JSON     bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	sliceFlag
}

var errConfirm = errors.New("--confirm is not the name of the cutover")

// holdEvery is the pause between two verifications at the hold point.
const holdEvery = 5 * time.Second

func (e *cutoverExecute) run(ctx context.Context, p *program) (int, error) {
	t, err := p.openSlice(ctx, e.sliceFlag)
	if err != nil {
		return 0, err
	}
	defer t.close()
	if e.Confirm != "" && e.Confirm != t.config.Cutover.Name {
		return exitError, errConfirm
	}
	checks := &guarding{cutting: t, who: e.As, override: e.Override}
	if checks.who == "" {
		checks.who = asker()
	}
	name, err := t.newRun(ctx, false)
	if err != nil {
		return 0, err
	}
	hold := &holdPoint{cutting: t, confirmed: e.Confirm != "", typed: os.Stdin, every: holdEvery}
	s, err := t.begin(ctx, name, checks, hold, make(chan cutoverrun.Request, 1), t.telling(e.JSON))
	if err != nil {
		return exitError, withRunHint(err)
	}
	s.Held = hold.held
	code, err := t.ended(ctx, s, e.JSON)
	if s.Fenced == nil && s.State.Ended() && s.Newest.Outcome == cutover.Failed && checks.open {
		code = exitUnverified
	}
	return code, err
}

// withRunHint says what to do about a run that another process drives, or that nobody does.
func withRunHint(err error) error {
	switch {
	case errors.Is(err, lease.ErrHeld):
		return withHint(err, "crosscheck cutover status shows what the other process does")
	case errors.Is(err, cutoverrun.ErrUnfinished):
		return withHint(err, "crosscheck cutover resume finishes it or rolls it back")
	}
	return err
}

// ended is the last word on a run.
func (t *cutting) ended(ctx context.Context, s cutoverrun.Status, asJSON bool) (int, error) {
	code := exitDiverged
	if s.State.Phase == cutover.Completed && !s.TailFailed() {
		code = exitAgrees
	}
	var clients []string
	var unknown error // who is connected
	if s.State.Phase == cutover.Completed {
		var of []fence.Client
		of, unknown = t.fence.Clients(ctx)
		for _, c := range of {
			clients = append(clients, printable(c.String()))
		}
	}
	if asJSON {
		s.Newest = maskedRecords(t.config, []cutover.Record{s.Newest}, false)[0]
		return code, writeObject(t.stdout, struct {
			cutoverrun.Status
			Clients []string `json:"connected_to_legacy,omitempty"`
		}{s, clients})
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s is %s.\n", s.Run, s.State.Phase)
	if s.TailFailed() {
		fmt.Fprintf(&text, "The tail check found: %s\n", printable(t.config.Mask(s.Tail.Detail)))
	}
	if unknown != nil {
		fmt.Fprintf(&text, "Who is still connected to legacy is not known: %v\n", unknown)
	}
	for _, c := range clients {
		fmt.Fprintf(&text, "Still connected to legacy: %s\n", c)
	}
	_, err := io.WriteString(t.stdout, text.String()+reportHint(s.Run))
	return code, err
}

// telling prints each record as it is written.
func (t *cutting) telling(asJSON bool) func(cutoverrun.Status) {
	to := t.stdout
	if asJSON {
		to = t.stderr
	}
	var intent time.Time
	return func(s cutoverrun.Status) {
		r := s.Newest
		if r.Outcome == "" {
			intent = r.At
			return
		}
		line := fmt.Sprintf("%s  %-26s %-10s", r.At.UTC().Format("15:04:05.000"), r.Action, r.Outcome)
		if !intent.IsZero() {
			line += fmt.Sprintf(" %7.2f s", r.At.Sub(intent).Seconds())
		}
		intent = time.Time{}
		if r.Detail != "" {
			line += "  " + printable(t.config.Mask(r.Detail))
		}
		fmt.Fprintln(to, line) //nolint:errcheck // a terminal
	}
}
