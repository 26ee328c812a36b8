package session_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/lab/child/childtest"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

func TestMain(m *testing.M) {
	childtest.Waiting(4) // for connections that are given up
	pgtest.Main(m)
}
