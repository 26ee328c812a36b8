package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/eventlog"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

type doctorCommand struct {
	All    bool `help:"Also print what is in order, and what is only worth knowing."`
	FixSQL bool `name:"fix-sql" xor:"form" help:"Print the rights, indexes and settings that are missing as SQL to review and run; nothing if nothing is."`
	JSON   bool `name:"json" xor:"form" help:"Print one JSON object on standard output, and nothing else. It has all findings."`
}

func (d *doctorCommand) run(ctx context.Context, p *program) (int, error) {
	c, err := p.load()
	if err != nil {
		return exitError, err
	}
	r := diagnose(ctx, c, time.Now)
	if err := ctx.Err(); err != nil {
		return exitError, fmt.Errorf("diagnosing: %w", err)
	}
	write := func(w io.Writer) error { return r.writeText(w, d.All) }
	if d.FixSQL {
		r.nameUnfixed(p.stderr)
		write = func(w io.Writer) error { return r.writeFixes(w, c) }
	}
	if d.JSON {
		write = func(w io.Writer) error { return writeObject(w, r) }
	}
	if err := write(p.stdout); err != nil {
		return exitError, fmt.Errorf("writing the diagnosis: %w", err)
	}
	return r.exitCode(), nil
}

// diagnosis is what doctor prints.
type diagnosis struct {
	Findings []doctor.Finding `json:"findings"`
	Worst    doctor.Level     `json:"worst"`
}

func diagnose(ctx context.Context, c *config.Config, now func() time.Time) diagnosis {
	r := diagnosis{Worst: doctor.OK}
	r.Findings = append(r.Findings, settleFinding(c.Compare.Settle))
	r.Findings = append(r.Findings, source.Diagnose(ctx, legacyConfig(c, nil), projectionConfig(c, nil), now)...)
	r.Findings = append(r.Findings, diagnoseEvents(ctx, c, now)...)
	if c.Stream.Given() {
		r.Findings = append(r.Findings, diagnoseStream(ctx, c)...)
	}
	r.Findings = append(r.Findings, diagnoseThrottle(ctx, c, now())...)
	if c.Backfill.Enabled && c.Events.Given() {
		r.Findings = append(r.Findings, eventlog.Diagnose(ctx, logConfig(c, 1), c.Backfill.SlotReserve<<20)...)
		r.Findings = append(r.Findings, silentTypes(c)...)
	}
	r.Findings = append(r.Findings, diagnoseRepair(ctx, c)...)
	r.Findings = append(r.Findings, diagnoseReads(ctx, c)...)
	r.Findings = append(r.Findings, diagnoseFence(ctx, c)...)
	r.Findings = append(r.Findings, examineLedger(ctx, c, now)...)
	r.Findings = append(r.Findings, examineJobs(ctx, c)...)
	if !r.has(string(order.Legacy), doctor.Connection, doctor.Busy, doctor.Login, source.CheckDSN, source.CheckPooler) {
		r.Findings = append(r.Findings, ledgerPlace(ctx, c)...)
	}
	for i, f := range r.Findings {
		if f.Check == source.CheckDelta && f.Level == doctor.Info && !c.Sampler.Delta.Off() {
			f.Level = doctor.Warning // what is configured is not what is done
			f.Message += "; the sidecar makes full verifications instead (sampler.delta), in at most a tenth of the time"
			r.Findings[i] = f
		}
		r.Findings[i].Message = c.Mask(f.Message)
		if f.Level.Worse(r.Worst) {
			r.Worst = f.Level
		}
	}
	return r
}

// has returns true if a side has a finding of one of the checks.
func (r diagnosis) has(side string, checks ...string) bool {
	return slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return f.Side == side && slices.Contains(checks, f.Check) })
}

func settleFinding(s compare.Settle) doctor.Finding {
	f := doctor.Finding{Side: "config", Check: "settle", Level: doctor.OK, Message: fmt.Sprintf("a difference counts after both sides have held still for %v", s.Window)}
	if s.Window == 0 {
		f.Level, f.Message = doctor.Warning, "compare.settle.window is 0: every change that is on its way to the projection counts as diverged"
		f.Hint = "use 0s only if nothing is written any more; the default is 30s"
	}
	return f
}

// exitCode distinguishes a database that cannot answer at this time, which proves nothing, from one that is known to be unfit.
func (r diagnosis) exitCode() int {
	passes := func(f doctor.Finding) bool {
		return f.Level == doctor.Error && (f.Check == doctor.Connection || f.Check == doctor.Busy)
	}
	switch {
	case slices.ContainsFunc(r.Findings, passes):
		return exitUnverified
	case r.Worst == doctor.Error:
		return exitError
	}
	return exitAgrees
}

// writeText writes a line for each finding, the worst first, and its hint on the next line. Without all, only problems.
func (r diagnosis) writeText(w io.Writer, all bool) error {
	shown := slices.Clone(r.Findings)
	if !all {
		shown = slices.DeleteFunc(shown, func(f doctor.Finding) bool { return !f.Level.Worse(doctor.Info) })
	}
	slices.SortStableFunc(shown, worstFirst)
	var side, check int
	for _, f := range shown {
		side, check = max(side, len(f.Side)), max(check, len(f.Check))
	}
	var b strings.Builder
	for _, f := range shown {
		head := fmt.Sprintf("%-7s  %-*s  %-*s  ", f.Level, side, f.Side, check, f.Check)
		fmt.Fprintf(&b, "%s%s\n", head, printable(f.Message))
		if f.Hint != "" {
			fmt.Fprintf(&b, "%*shint: %s\n", len(head), "", printable(f.Hint))
		}
	}
	if len(shown) > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s\n%s\n", r.summary(), r.rest(all))
	_, err := io.WriteString(w, b.String())
	return err
}

func worstFirst(a, b doctor.Finding) int {
	switch {
	case a.Level.Worse(b.Level):
		return -1
	case b.Level.Worse(a.Level):
		return 1
	}
	return 0
}

// rest counts what is no problem.
func (r diagnosis) rest(all bool) string {
	var passed, notes int64
	for _, f := range r.Findings {
		switch f.Level {
		case doctor.OK:
			passed++
		case doctor.Info:
			notes++
		case doctor.Warning, doctor.Error:
		}
	}
	text := human.Quantity(passed, "check", "checks") + " passed"
	if notes > 0 {
		text += ", " + human.Quantity(notes, "note", "notes")
		if !all {
			text += " (crosscheck doctor --all shows them)"
		}
	}
	return text
}

func (r diagnosis) summary() string {
	count := map[doctor.Level]int{}
	for _, f := range r.Findings {
		count[f.Level]++
	}
	var parts []string
	for _, l := range []doctor.Level{doctor.Error, doctor.Warning} {
		switch n := count[l]; {
		case n == 1:
			parts = append(parts, "1 "+string(l))
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, l))
		}
	}
	if len(parts) == 0 {
		return "no problems found"
	}
	return strings.Join(parts, ", ")
}
