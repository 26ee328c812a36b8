package compare_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often: properties leave much of it behind, and collecting it took a fifth of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
