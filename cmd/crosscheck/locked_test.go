package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestALockOfOthersProvesNothing lets somebody change a table while each command wants to read it.
func TestALockOfOthersProvesNothing(t *testing.T) {
	c := newClinic(t)
	conn, err := pgx.Connect(t.Context(), c.legacy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	file := c.config()
	t.Run("commands", func(t *testing.T) {
		for _, command := range []string{"verify", "sample", "explain 1", "doctor", "gate", "gate --json"} {
			t.Run(command, func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				code := run(t.Context(), slices.Concat(strings.Fields(command), []string{"--config", file}), &out, &out, c.getenv)
				if text := out.String(); code != exitUnverified || !strings.Contains(text, "lock timeout") || !strings.Contains(text, "another session holds a lock") {
					t.Errorf("exit code %d: %s", code, text)
				}
			})
		}
	})
}
