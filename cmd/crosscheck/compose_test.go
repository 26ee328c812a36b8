package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

const composeFolder = "../../docs/examples/compose/"

// TestTheSystemOfComposeAgrees builds the databases of compose.yaml, and reads them by its configuration: whoever
// starts it sees agreement, and then what compose.yaml tells them to break.
func TestTheSystemOfComposeAgrees(t *testing.T) {
	t.Parallel()
	environment := map[string]string{"LEGACY_DSN": pgtest.Database(t), "EVENTS_DSN": pgtest.Database(t)}
	for name, file := range map[string]string{"LEGACY_DSN": "legacy.sql", "EVENTS_DSN": "events.sql"} {
		statements, err := os.ReadFile(composeFolder + file)
		if err != nil {
			t.Fatal(err)
		}
		rows(t, environment[name], string(statements))
	}
	text, err := os.ReadFile(composeFolder + "config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// Kafka is not there in this test; dashboards holds the messages that are published to the rows.
	file := writeConfig(t, "compose", regexp.MustCompile(`(?m)^stream:.*$`).ReplaceAllString(string(text), ""))
	crosscheck := func(want int, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		getenv := func(name string) (string, bool) { v, ok := environment[name]; return v, ok }
		if code := run(deadline(t), append(args, "--config", file), &stdout, &stderr, getenv); code != want {
			t.Errorf("%v: exit code %d, want %d\n%s%s", args, code, want, &stdout, &stderr)
		}
		return stdout.String()
	}
	crosscheck(exitAgrees, "verify")
	for order := range strings.SplitSeq(rows(t, environment["LEGACY_DSN"], "SELECT order_id FROM orders"), "\n") {
		crosscheck(exitAgrees, "explain", order)
	}
	rows(t, environment["EVENTS_DSN"], "UPDATE current_orders SET status = 'OPEN' WHERE order_id = 1")
	crosscheck(exitDiverged, "verify")
}
