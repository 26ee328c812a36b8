package ledgertest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

func TestFake(t *testing.T) {
	ledgertest.Exercise(t, func(*testing.T) ledgertest.Store { return ledgertest.New(nil) })
}

func TestFakeLeasesRunByTheGivenClock(t *testing.T) {
	now := time.Unix(0, 0)
	f := ledgertest.New(func() time.Time { return now })
	l, err := f.Acquire(t.Context(), "full", "a", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if now = now.Add(time.Second); f.Renew(t.Context(), l, time.Second) == nil {
		t.Error("renewed a lease that had run out")
	}
}

func TestFailMakesEveryCallFail(t *testing.T) {
	f, away := ledgertest.New(nil), errors.New("away")
	f.Fail(away)
	if _, err := f.Acquire(t.Context(), "full", "a", time.Second); !errors.Is(err, away) {
		t.Errorf("error is %v", err)
	}
	f.Fail(nil)
	if _, err := f.Acquire(t.Context(), "full", "a", time.Second); err != nil {
		t.Errorf("error is %v after the failure ended", err)
	}
}

func TestFakeOfTheStream(t *testing.T) {
	ledgertest.ExerciseStream(t, func(*testing.T) ledgertest.StreamStore { return ledgertest.New(nil) })
}
