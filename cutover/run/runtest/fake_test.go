package runtest_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/cutover/run/runtest"
)

func TestFake(t *testing.T) {
	runtest.Exercise(t, func(*testing.T) runtest.Store { return runtest.New() })
}
