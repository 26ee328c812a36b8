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
	server := pgtest.Server(t).DSN("postgres")
	rows(t, server, composed(t, "role.sql"))
	t.Cleanup(func() { // after the databases are dropped
		if _, err := query(server, "DROP ROLE crosscheck"); err != nil {
			t.Error(err)
		}
	})
	admin := map[string]string{"LEGACY_DSN": pgtest.Database(t), "EVENTS_DSN": pgtest.Database(t)}
	rows(t, admin["LEGACY_DSN"], composed(t, "legacy.sql"))
	rows(t, admin["EVENTS_DSN"], composed(t, "events.sql"))
	environment := map[string]string{}
	for _, dsn := range regexp.MustCompile(`(\w+_DSN): postgres://(\w+:\w+)@`).FindAllStringSubmatch(composed(t, "../../../compose.yaml"), -1) {
		environment[dsn[1]] = strings.Replace(admin[dsn[1]], "//postgres@", "//"+dsn[2]+"@", 1)
	}
	text := composed(t, "config.yaml")
	// Kafka is not there in this test; dashboards holds the messages that are published to the rows.
	file := writeConfig(t, "compose", regexp.MustCompile(`(?m)^stream:.*$`).ReplaceAllString(text, ""))
	crosscheck := func(want int, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		getenv := func(name string) (string, bool) { v, ok := environment[name]; return v, ok }
		if code := run(deadline(t), append(args, "--config", file), &stdout, &stderr, getenv); code != want {
			t.Errorf("%v: exit code %d, want %d\n%s%s", args, code, want, &stdout, &stderr)
		}
		return stdout.String()
	}
	crosscheck(exitAgrees, "doctor")
	crosscheck(exitAgrees, "verify")
	for order := range strings.SplitSeq(rows(t, admin["LEGACY_DSN"], "SELECT order_id FROM orders"), "\n") {
		crosscheck(exitAgrees, "explain", order)
	}
	if _, err := query(environment["EVENTS_DSN"], "UPDATE current_orders SET status = 'OPEN'"); err == nil {
		t.Error("the role of crosscheck may write")
	}
	rows(t, admin["EVENTS_DSN"], "UPDATE current_orders SET status = 'OPEN' WHERE order_id = 1")
	crosscheck(exitDiverged, "verify")
}

// composed is a file of the example.
func composed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(composeFolder + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
