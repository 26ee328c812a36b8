package board

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/metrics"
)

// Cutover is where a run of the cutover stands: the one that has not ended, or that changed the most.
type Cutover struct {
	Run string
	// Steps are all steps, and which of States each is in.
	Steps  []CutoverStep
	States []string
	// Abandoned is the step at which a run stands that no process drives; empty if one does, or if the run has ended.
	Abandoned string
	// Stranded says that there may be no side to write to until that run is finished.
	Stranded bool
	// Driven says that a process drives the abandoned run, and has not got on for longer than the budget.
	Driven bool
	Since  time.Time // its newest record
}

// CutoverStep is the state of one step.
type CutoverStep struct{ Step, State string }

func (s Sources) cutover(ctx context.Context, b *Board) (err error) {
	if s.Cutover != nil {
		b.Cutover, err = s.Cutover(ctx)
	}
	return err
}

func (c *Cutover) metrics() (all []metrics.CutoverStep) {
	if c == nil {
		return nil
	}
	for _, s := range c.Steps {
		for _, state := range c.States {
			all = append(all, metrics.CutoverStep{Step: s.Step, State: state, Now: s.State == state})
		}
	}
	return all
}

// abandonedAfter is how long a sidecar has to take an abandoned run over before people are told.
const abandonedAfter = 30 * time.Second

func (c *Cutover) fact(now time.Time) *incident.AbandonedRun {
	if c == nil || c.Abandoned == "" || now.Sub(c.Since) < abandonedAfter {
		return nil
	}
	return &incident.AbandonedRun{Driven: c.Driven, Run: c.Run, Step: c.Abandoned, Stranded: c.Stranded, Since: c.Since}
}
