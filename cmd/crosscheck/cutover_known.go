package main

import (
	"context"

	"github.com/nordvarg/crosscheck/board"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
)

// cutoverKnown is the foremost run for the board.
func (s *sidecar) cutoverKnown(ctx context.Context) (*board.Cutover, error) {
	runs, err := s.ledger.Runs(ctx)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	foremost, err := cutoverrun.Foremost(runs)
	if err != nil {
		return nil, err
	}
	driven, err := s.ledger.Held(ctx, cutoverJob)
	if err != nil {
		return nil, err
	}
	records := runs[foremost]
	steps, err := cutoverrun.Steps(records, driven)
	if err != nil {
		return nil, err
	}
	newest := records[len(records)-1]
	known := &board.Cutover{Run: newest.Run, Since: newest.At}
	for _, p := range cutoverrun.Progresses() {
		known.States = append(known.States, string(p))
	}
	for _, step := range steps {
		known.Steps = append(known.Steps, board.CutoverStep{Step: string(step.Step), State: string(step.Progress)})
		if step.Progress == cutoverrun.Abandoned {
			known.Abandoned = string(step.Step)
		}
	}
	of, err := cutoverrun.Look(records)
	if err != nil {
		return nil, err
	}
	known.Stranded = of.State.Stranded()
	if known.Abandoned != "" || !known.Stranded || of.Fenced == nil || of.State.Ended() {
		return known, nil
	}
	now, err := s.ledger.Clock(ctx)
	if err == nil && now.Sub(*of.Fenced) > s.config.Cutover.Budget { // it is tried again and again: the same alarm as if nobody did
		known.Driven, known.Abandoned, known.Since = true, string(of.State.Step), *of.Fenced
		for i, step := range known.Steps {
			if step.Step == known.Abandoned {
				known.Steps[i].State = string(cutoverrun.Abandoned)
			}
		}
	}
	return known, err
}
