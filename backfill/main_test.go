package backfill_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
