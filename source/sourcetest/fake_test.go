package sourcetest_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
)

func TestFake(t *testing.T) {
	sourcetest.Exercise(t, func(_ *testing.T, table sourcetest.Table) sourcetest.Opened {
		f := sourcetest.New(order.Legacy, table)
		return sourcetest.Opened{Side: f, Add: f.Add}
	})
}
