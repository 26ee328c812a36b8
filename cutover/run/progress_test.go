package run_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
)

// journal answers what the state asks for, with its intent before. An outcome that needs none is written alone.
func journal(outcomes ...cutover.Outcome) (records []cutover.Record) {
	s, epoch := cutover.Start(""), int64(1)
	for _, o := range outcomes {
		r := cutover.Record{Run: "a", Epoch: epoch, Seq: s.Seq, Action: s.Action()}
		switch o {
		case cutover.Takeover:
			epoch++
			r.Epoch = epoch
		case cutover.Abort, cutover.NoTime, cutover.Reverse:
		default:
			records = append(records, r)
		}
		if r.Outcome = o; o != "" {
			records = append(records, r)
			s, _ = cutover.Next(s, cutover.Observation{Seq: s.Seq, Outcome: o})
		}
	}
	return records
}

func TestProgressOfSteps(t *testing.T) {
	t.Parallel()
	const done = cutover.Done
	for name, c := range map[string]struct {
		records []cutover.Record
		driven  bool
		want    map[cutover.Step]run.Progress // the others wait
	}{
		"under way": {journal(done, ""), true, map[cutover.Step]run.Progress{cutover.Preflight: run.Done, cutover.Hold: run.Running}},
		"refused":   {journal(cutover.Failed), true, map[cutover.Step]run.Progress{cutover.Preflight: run.Failed}},
		"nobody drives it before the window": {
			journal(done, done, ""), false,
			map[cutover.Step]run.Progress{cutover.Preflight: run.Done, cutover.Hold: run.Done, cutover.Fence: run.Abandoned},
		},
		"taken over, and being evicted": {
			journal(done, done, done, "", cutover.Takeover), true,
			map[cutover.Step]run.Progress{cutover.Preflight: run.Done, cutover.Hold: run.Done, cutover.Fence: run.Done, cutover.Barrier: run.Running},
		},
		"rolled back in the window": {
			journal(done, done, done, done, done, cutover.Abort, done, done), false,
			map[cutover.Step]run.Progress{
				cutover.Preflight: run.Done, cutover.Hold: run.Done, cutover.Fence: run.Undone, cutover.Barrier: run.Done, cutover.FinalVerification: run.Done, cutover.PermanentFence: run.Undone,
			},
		},
		"stranded": {
			journal(done, done, done, done, done, done, ""), false,
			map[cutover.Step]run.Progress{
				cutover.Preflight: run.Done, cutover.Hold: run.Done, cutover.Fence: run.Done, cutover.Barrier: run.Done, cutover.FinalVerification: run.Done, cutover.PermanentFence: run.Done,
				cutover.SwitchReads: run.Abandoned,
			},
		},
	} {
		got, err := run.Steps(c.records, c.driven)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := map[cutover.Step]run.Progress{}
		for _, s := range got {
			if s.Progress != run.Waiting {
				found[s.Step] = s.Progress
			}
		}
		if diff := cmp.Diff(c.want, found); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheForemostRunIsWhatCounts: what was refused later does not hide it.
func TestTheForemostRunIsWhatCounts(t *testing.T) {
	t.Parallel()
	const done, failed = cutover.Done, cutover.Failed
	refused, left := journal(failed), journal(done)
	backed := journal(done, done, done, cutover.Abort, done)
	completed := journal(done, done, done, done, done, done, done, done, done, done)
	for name, c := range map[string]struct {
		journals [][]cutover.Record
		want     int
	}{
		"none":                           {nil, -1},
		"the newest of those refused":    {[][]cutover.Record{refused, refused}, 1},
		"one that kept writers out":      {[][]cutover.Record{backed, refused}, 0},
		"the newest of those":            {[][]cutover.Record{backed, backed, refused}, 1},
		"one that is completed":          {[][]cutover.Record{completed, backed, refused}, 0},
		"one that has not ended":         {[][]cutover.Record{completed, left}, 1},
		"one that is completed later on": {[][]cutover.Record{refused, backed, completed}, 2},
	} {
		if got, err := run.Foremost(c.journals); got != c.want || err != nil {
			t.Errorf("%s: %d, want %d, %v", name, got, c.want, err)
		}
	}
}
