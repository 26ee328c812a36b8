package ledgertest_test

import (
	"errors"
	"testing"

	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

func TestFake(t *testing.T) {
	ledgertest.Exercise(t, func(*testing.T) ledgertest.Store { return ledgertest.New(nil) })
}

func TestFailMakesEveryCallFail(t *testing.T) {
	f, away := ledgertest.New(nil), errors.New("away")
	f.Fail(away)
	if _, err := f.Passes(t.Context(), 1); !errors.Is(err, away) {
		t.Errorf("error is %v", err)
	}
	f.Fail(nil)
	if _, err := f.Passes(t.Context(), 1); err != nil {
		t.Errorf("error is %v after the failure ended", err)
	}
}
