package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

const followed = "print"

func streamLease(t *testing.T, l *ledger.Ledger) lease.Lease {
	t.Helper()
	held, err := l.Acquire(t.Context(), "stream", "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func published(key order.Key, cause compare.Cause) follow.Finding {
	return follow.Finding{
		Mismatch: compare.Mismatch{Key: key, Kind: compare.Missing, Hop: order.EventsToStream, Cause: cause}, Seen: time.Unix(100, 0),
	}
}

func commit(t *testing.T, l *ledger.Ledger, held lease.Lease, c follow.Commit) {
	t.Helper()
	c.Fingerprint, c.At = followed, time.Unix(200, 0)
	if err := l.CommitStream(t.Context(), held, c); err != nil {
		t.Fatal(err)
	}
}

func wantOpen(t *testing.T, l *ledger.Ledger, want string) {
	t.Helper()
	open, err := l.OpenDivergences(t.Context(), followed, 100)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, d := range open {
		got += fmt.Sprintf("%s %s;", d.Mismatch.Key, d.Mismatch.Cause)
	}
	if got != want {
		t.Errorf("open are %q, want %q", got, want)
	}
}

func TestTheEvidenceOfTheStreamIsWhatWasClaimed(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := streamLease(t, l)
	state := follow.State{
		Partitions: map[int]follow.PartitionState{0: {Next: 5, End: 9}, 1: {Cut: true}}, From: 3,
		Evidence: follow.Totals{
			Stored: 9, Seen: 8, Checked: 20, CaughtUpAt: time.Unix(150, 0).UTC(), Waiting: follow.Waiting{For: "transaction 7", Since: time.Unix(100, 0).UTC()},
		},
	}
	commit(t, l, held, follow.Commit{State: state, Gaps: 1})
	commit(t, l, held, follow.Commit{State: state, Gaps: 1})
	e, lag, err := l.StreamEvidence(t.Context(), followed)
	want := &gate.StreamEvidence{
		Stored: 9, Seen: 8, LagMessages: 4, Gaps: 2, CaughtUpAt: time.Unix(150, 0).UTC(), At: time.Unix(200, 0).UTC(),
		WaitingFor: "transaction 7", WaitingSince: time.Unix(100, 0).UTC(), CutAt: new(int64(3)),
	}
	if diff := cmp.Diff(want, e); err != nil || diff != "" || lag[0] != 4 || lag[1] != 0 {
		t.Errorf("evidence, lag %v, %v:\n%s", lag, err, diff)
	}
	gathered, err := l.Evidence(t.Context(), followed, time.Unix(300, 0), 0)
	if diff := cmp.Diff(want, gathered.Stream); err != nil || diff != "" {
		t.Errorf("the gate judges, %v:\n%s", err, diff)
	}
	if e, _, err := l.StreamEvidence(t.Context(), "another"); e != nil || err != nil {
		t.Errorf("evidence of another fingerprint: %v, %v", e, err)
	}
}

func TestStreamAndRowsDoNotTouchEachOthersFindings(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	commit(t, l, streamLease(t, l), follow.Commit{
		Findings: []follow.Finding{published("7", compare.LostPublish), published("(topic orders)", compare.UnkeyedPublish)},
		Lost:     map[int64][]follow.LostEvent{0: {{Position: 1, Key: "7"}}},
	})
	held, err := l.Acquire(t.Context(), "sample", "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.BeginPass(t.Context(), held, verify.Start{Kind: verify.Sample, Trigger: "manual", Fingerprint: followed, At: time.Unix(300, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := l.OpenKeys(t.Context(), id, "", 10); err != nil || len(keys) != 0 {
		t.Errorf("a row pass is to look again at %v, %v", keys, err)
	}
	match := verify.Outcome{Verdict: compare.Match, Final: true}
	match.Suspect.Observation.Key = "7"
	if err := l.Settle(t.Context(), held, id, []verify.Outcome{match}, time.Unix(301, 0)); err != nil {
		t.Fatal(err)
	}
	wantOpen(t, l, "(topic orders) unkeyed_publish;7 lost_publish;")
}

func TestChangedOrdersWaitUntilTheyMustHaveBeenJudged(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := streamLease(t, l)
	changed := func(after int64, want ...order.Key) int64 {
		t.Helper()
		keys, mark, err := l.ChangedAfter(t.Context(), followed, after, 10)
		if err != nil || !slices.Equal(keys, want) {
			t.Errorf("changed after %d are %v, %v; want %v", after, keys, err, want)
		}
		return mark
	}
	commit(t, l, held, follow.Commit{Changed: map[order.Key]bool{"7": true}})
	commit(t, l, held, follow.Commit{Changed: map[order.Key]bool{"8": true}})
	mark := changed(0, "7", "8")
	commit(t, l, held, follow.Commit{Changed: map[order.Key]bool{"7": true}})
	again := changed(mark, "7")
	changed(again)
	if err := l.ForgetChanged(t.Context(), held, followed, again, time.Unix(200, 0)); err != nil {
		t.Fatal(err)
	}
	changed(0, "8", "7") // too young
	if err := l.ForgetChanged(t.Context(), held, followed, mark, time.Unix(201, 0)); err != nil {
		t.Fatal(err)
	}
	changed(0, "7") // marked again since
	if marked, err := l.MarkChanged(t.Context(), held, followed, []order.Key{"7", "9"}, time.Unix(300, 0)); err != nil || !marked {
		t.Fatal(marked, err)
	}
	changed(again, "7", "9")
	if marked, err := l.MarkChanged(t.Context(), held, "nobody follows it yet", []order.Key{"7"}, time.Unix(300, 0)); err != nil || marked {
		t.Errorf("orders of a stream that nobody follows yet are marked: %v, %v", marked, err)
	}
	if _, err := l.MarkChanged(t.Context(), lease.Lease{Job: held.Job, Token: held.Token + 1}, followed, []order.Key{"10"}, time.Unix(300, 0)); !errors.Is(err, lease.ErrFenced) {
		t.Errorf("without the lease orders are marked: %v", err)
	}
}

func TestAStreamThatNobodyFollowsIsForgotten(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := streamLease(t, l)
	commit(t, l, held, follow.Commit{
		State:   follow.State{From: 1, Buckets: map[int64]*follow.Bucket{4: {Seen: []byte{1}}}},
		Closed:  []follow.ClosedBucket{{Bucket: 3, Seen: []byte{1}, Stored: 1}},
		Changed: map[order.Key]bool{"7": true},
	})
	known := func(after time.Duration) bool {
		t.Helper()
		if _, err := l.Prune(t.Context(), time.Unix(200, 0).Add(after), ledger.Retention{}); err != nil {
			t.Fatal(err)
		}
		state, err := l.LoadStream(t.Context(), followed)
		if err != nil {
			t.Fatal(err)
		}
		keys, _, err := l.ChangedAfter(t.Context(), followed, 0, 10)
		kept, kerr := l.ClosedAfter(t.Context(), followed, 0, 10)
		if err != nil || kerr != nil || (len(keys) > 0) != (state.From > 0) || len(kept) != len(keys) {
			t.Errorf("with state %+v changed are %v, %v, closed %v, %v", state, keys, err, kept, kerr)
		}
		return state.From > 0
	}
	if !known(time.Hour) || known(400*24*time.Hour) {
		t.Error("it is kept for a year after it was followed last, and no longer")
	}
}
