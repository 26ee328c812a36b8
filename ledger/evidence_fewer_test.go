package ledger_test

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestAKeyThatCannotBeIndexedIsNamed as the reason, which the server's words are not. Its letters are such that they cannot be compressed.
func TestAKeyThatCannotBeIndexedIsNamed(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := acquire(t, l, "sample")
	id := begin(t, l, held, verify.Start{Kind: verify.Sample, Fingerprint: "now", At: t0})
	long := suspects(1)
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		long[0].Observation.Key += order.Key(strconv.FormatUint(random.Uint64(), 36))
	}
	if err := l.AddSuspects(t.Context(), held, id, long); !errors.Is(err, ledger.ErrLongKey) {
		t.Errorf("a key of %d bytes: %v", len(long[0].Key()), err)
	}
}

// TestAPassOfFewerOrdersCountsOnlyByWhatItFinds: it does not take the place of one that looked at all that it should.
func TestAPassOfFewerOrdersCountsOnlyByWhatItFinds(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	hour := 0
	pass := func(kind verify.PassKind, facts verify.Facts, found ...verify.Outcome) verify.PassID {
		t.Helper()
		verdict := compare.Match
		if len(found) > 0 {
			verdict = compare.Diverged
		}
		hour++
		scan := verify.Scan{Compared: 5, Coverage: 1, Facts: facts}
		return run{kind, "now", t0.Add(time.Duration(hour) * time.Hour), scan, found, verdict}.in(t, l)
	}
	changes := func(recorded int64, without ...verify.Unrecorded) verify.Changes {
		return verify.Changes{Recorded: recorded, WithEvents: recorded - int64(len(without)), Without: without}
	}
	want := func(when string, sample, reads verify.PassID, fewer bool, clean, changes, with int64) {
		t.Helper()
		e := evidence(t, l, t0, 0)
		if e.Sample.ID != int64(sample) || e.Reads.Pass != int64(reads) || e.Sample.Fewer != fewer || e.Reads.Fewer != fewer {
			t.Errorf("%s: sample %+v, reads %+v", when, *e.Sample, *e.Reads)
		}
		if (e.Streak == nil) != (clean == 0) || clean > 0 && e.Streak.Clean != clean {
			t.Errorf("%s: streak %+v", when, e.Streak)
		}
		if (e.Changes == nil) != (changes == 0) || changes > 0 && (e.Changes.Changes != changes || e.Changes.WithEvents != with) {
			t.Errorf("%s: changes %+v", when, e.Changes)
		}
	}
	one, asked := verify.SampleFacts{Sampled: 1, Fewer: true, Changes: changes(2)}, verify.ReadsFacts{Fewer: true}
	sample, reads := pass(verify.Sample, one), pass(verify.Reads, asked)
	want("passes of fewer alone", sample, reads, true, 0, 0, 0)
	sample, reads = pass(verify.Sample, verify.SampleFacts{Sampled: 5, Changes: changes(9)}), pass(verify.Reads, verify.ReadsFacts{})
	want("passes of all", sample, reads, false, 1, 9, 9)
	pass(verify.Sample, one)
	pass(verify.Reads, asked)
	want("passes of fewer after them", sample, reads, false, 1, 9, 9)
	one.Changes = changes(2, verify.Unrecorded{Key: "7", Changes: 1})
	pass(verify.Sample, one)
	want("one of fewer that found a loss", sample, reads, false, 1, 2, 1)
	one.Changes = changes(2)
	bad := outcomes(suspects(1), compare.Diverged)
	sample, reads = pass(verify.Sample, one, bad...), pass(verify.Reads, asked, bad...)
	if e := evidence(t, l, t0, 0); e.Sample.ID != int64(sample) || e.Reads.Pass != int64(reads) || e.Streak.Clean != 0 || e.Streak.Broken.IsZero() {
		t.Errorf("passes of fewer that diverged: sample %+v, reads %+v, streak %+v", *e.Sample, *e.Reads, e.Streak)
	}
}
