package followtest_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/follow/followtest"
)

func TestFake(t *testing.T) {
	followtest.Exercise(t, func(*testing.T) followtest.Store { return followtest.New() })
}
