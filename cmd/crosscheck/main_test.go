package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// TestMain puts crosscheck into the PATH of all tests: the test binary under another name, which is then the whole
// program in a process of its own, with real exit codes, and can be killed.
func TestMain(m *testing.M) {
	testscript.Main(withServer{m}, map[string]func(){"crosscheck": main})
}

type withServer struct{ *testing.M }

func (w withServer) Run() int { return pgtest.Run(w.M) }
