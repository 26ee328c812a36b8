package main

import (
	"context"

	"github.com/nordvarg/crosscheck/board"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
)

// cutoverKnown is the newest run for the board.
func (s *sidecar) cutoverKnown(ctx context.Context) (*board.Cutover, error) {
	runs, err := s.ledger.Runs(ctx)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	driven, err := s.ledger.Held(ctx, cutoverJob)
	if err != nil {
		return nil, err
	}
	records := runs[len(runs)-1]
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
	if known.Abandoned != "" {
		now, err := cutoverrun.Look(records)
		if err != nil {
			return nil, err
		}
		known.Stranded = now.State.Stranded()
	}
	return known, nil
}
