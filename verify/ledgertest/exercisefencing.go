package ledgertest

import (
	"errors"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// writes are all the ways to write under a lease.
func writes(s Store, id verify.PassID) map[string]func(t *testing.T, l lease.Lease) error {
	return map[string]func(t *testing.T, l lease.Lease) error{
		"BeginPass": func(t *testing.T, l lease.Lease) error {
			_, err := s.BeginPass(t.Context(), l, verify.Start{Kind: verify.Full, Trigger: "manual", At: t0})
			return err
		},
		"ScanDone": func(t *testing.T, l lease.Lease) error {
			return s.ScanDone(t.Context(), l, id, verify.Scan{Coverage: 1})
		},
		"Slowed": func(t *testing.T, l lease.Lease) error {
			return s.Slowed(t.Context(), l, id, []throttle.State{{Side: "legacy", Reason: throttle.TooBusy}})
		},
		"AddSuspects": func(t *testing.T, l lease.Lease) error {
			return s.AddSuspects(t.Context(), l, id, []verify.Suspect{suspect("2", t0)})
		},
		"AddRange": func(t *testing.T, l lease.Lease) error {
			return s.AddRange(t.Context(), l, id, verify.Range{Number: 1}, nil)
		},
		"no suspects":  func(t *testing.T, l lease.Lease) error { return s.AddSuspects(t.Context(), l, id, nil) },
		"DropSuspects": func(t *testing.T, l lease.Lease) error { return s.DropSuspects(t.Context(), l, id) },
		"Settle": func(t *testing.T, l lease.Lease) error {
			return s.Settle(t.Context(), l, id, []verify.Outcome{final(suspect("1", t0), compare.Diverged)}, t0)
		},
		"FinishPass": func(t *testing.T, l lease.Lease) error {
			return s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Unverified}, t0)
		},
		"Adopt": func(t *testing.T, l lease.Lease) error { return s.Adopt(t.Context(), l, id) },
	}
}

func staleToken(t *testing.T, s Store) {
	l, err := s.Acquire(t.Context(), "full", "test", longTTL)
	noError(t, err, "acquiring")
	id := begin(t, s, l, verify.Full)
	add(t, s, l, id, suspect("1", t0))
	before := newest(t, s)
	refused := func(when string) {
		for name, write := range writes(s, id) {
			wantError(t, write(t, l), lease.ErrFenced, name+" "+when)
		}
		same(t, newest(t, s), before, "the pass "+when)
		same(t, len(dueKeys(t, s, id, t0.Add(time.Hour), 10)), 1, "the queue "+when)
		same(t, len(openOnes(t, s)), 0, "divergences "+when)
	}
	noError(t, s.Release(t.Context(), l), "releasing")
	refused("after the lease had ended")
	successor := acquire(t, s, "full")
	refused("after the lease was taken over")
	l.Token = successor.Token + 1
	refused("with a token that was never given")
}

func foreignPass(t *testing.T, s Store) {
	l, id := start(t, s)
	other := acquire(t, s, "sample")
	wantError(t, s.ScanDone(t.Context(), other, id, verify.Scan{}), lease.ErrFenced, "another job's lease")
	wantError(t, s.ScanDone(t.Context(), other, id+1000, verify.Scan{}), lease.ErrFenced, "a pass that does not exist")
	noError(t, s.ScanDone(t.Context(), l, id, verify.Scan{}), "ending the scan")
	if err := s.Adopt(t.Context(), other, id); err == nil {
		t.Error("adopted a pass whose owner is alive")
	}
}

func abandonedScan(t *testing.T, s Store) {
	l, id := start(t, s)
	add(t, s, l, id, suspect("1", t0), suspect("2", t0))
	settle(t, s, l, id, t0, final(suspect("3", t0), compare.Diverged))
	sampler := acquire(t, s, "sample")
	begin(t, s, sampler, verify.Sample)

	settling, err := s.Abandoned(t.Context())
	noError(t, err, "looking for abandoned passes")
	same(t, len(settling), 0, "settling passes")
	add(t, s, l, id, suspect("1", t0)) // a live pass is left alone

	noError(t, s.Release(t.Context(), l), "ending the process")
	_, err = s.Abandoned(t.Context(), verify.Sample)
	noError(t, err, "looking for abandoned samples")
	_, err = s.Abandoned(t.Context(), verify.Full)
	noError(t, err, "looking for abandoned full passes")
	passes, err := s.Passes(t.Context(), 10)
	noError(t, err, "reading passes")
	if len(passes) != 2 || passes[0].State != verify.Scanning {
		t.Fatalf("passes %+v, want the live sample still scanning", passes)
	}
	full := passes[1]
	if full.ID != id || full.State != verify.Done || full.FinishedAt.IsZero() {
		t.Errorf("abandoned pass is %+v, want it done", full)
	}
	same(t, full.Result, verify.Result{
		Verdict: compare.Unverified, Reason: "process ended during the scan", Diverged: 1, Unverified: 2,
	}, "result")
	same(t, dueKeys(t, s, id, t0.Add(time.Hour), 10), []order.Key{}, "its queue")
	same(t, len(openOnes(t, s)), 1, "divergences that it had proven")
}

func abandonedSettling(t *testing.T, s Store) {
	l, id := start(t, s)
	add(t, s, l, id, suspect("1", t0))
	noError(t, s.ScanDone(t.Context(), l, id, verify.Scan{Coverage: 1, Compared: 5}), "ending the scan")
	noError(t, s.Release(t.Context(), l), "ending the process")

	settling, err := s.Abandoned(t.Context(), verify.Full)
	noError(t, err, "looking for abandoned passes")
	if len(settling) != 1 || settling[0].ID != id || settling[0].State != verify.Settling {
		t.Fatalf("got %+v, want pass %d settling", settling, id)
	}
	successor := acquire(t, s, "full")
	wantError(t, s.Settle(t.Context(), successor, id, nil, t0), lease.ErrFenced, "writing without adopting")
	noError(t, s.Adopt(t.Context(), successor, id), "adopting")
	wantError(t, s.Adopt(t.Context(), l, id), lease.ErrFenced, "adopting under the old lease")
	settling, err = s.Abandoned(t.Context())
	noError(t, err, "looking for abandoned passes")
	same(t, len(settling), 0, "abandoned passes after the adoption")
	due, err := s.DueSuspects(t.Context(), id, t0.Add(time.Hour), "", 10)
	noError(t, err, "reading due suspects")
	same(t, due, []verify.Suspect{stored(suspect("1", t0))}, "its queue")
	settle(t, s, successor, id, t0, final(suspect("1", t0), compare.Match))
	noError(t, s.FinishPass(t.Context(), successor, id, verify.Result{Verdict: compare.Match}, t0), "finishing")
	err = s.Adopt(t.Context(), successor, id)
	if err == nil || errors.Is(err, lease.ErrFenced) {
		t.Errorf("adopting a done pass: %v", err)
	}
}

func adoptForeign(t *testing.T, s Store) {
	manual := acquire(t, s, "manual full 1")
	id := begin(t, s, manual, verify.Full)
	add(t, s, manual, id, suspect("1", t0))
	noError(t, s.ScanDone(t.Context(), manual, id, verify.Scan{Coverage: 1, Compared: 5}), "ending the scan")
	l := acquire(t, s, "full")
	if err := s.Adopt(t.Context(), l, id); err == nil {
		t.Error("adopted a pass whose owner is alive")
	}
	noError(t, s.Release(t.Context(), manual), "ending the process")
	noError(t, s.Adopt(t.Context(), l, id), "adopting")
	wantError(t, s.Settle(t.Context(), manual, id, nil, t0), lease.ErrFenced, "writing as the one that lost it")
	settle(t, s, l, id, t0, final(suspect("1", t0), compare.Match))
	noError(t, s.FinishPass(t.Context(), l, id, verify.Result{Verdict: compare.Match}, t0), "finishing")
}
