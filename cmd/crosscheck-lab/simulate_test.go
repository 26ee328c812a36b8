package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestSimulatePrintsTablesOrAnAnswer, and refuses what is no pass.
func TestSimulatePrintsTablesOrAnAnswer(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitOK, "| full verification, three fields | "},
		{[]string{"--sidecars=2", "--ranges=100", "--variance=0", "--serial=0"}, exitOK, "2 sidecars are 2.00 times as fast as one; ranges of each: 50 50\n"},
		{[]string{"--sidecars=2", "--ranges=0"}, exitError, "nothing to simulate"},
		{[]string{"--sidecars=2", "--serial=2"}, exitError, "serial between 0 and 1"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"simulate"}, test.args...), &stdout, &stderr)
		if code != test.code || !strings.Contains(stdout.String()+stderr.String(), test.want) {
			t.Errorf("%v: exit code %d, %s%s", test.args, code, &stdout, &stderr)
		}
	}
}
