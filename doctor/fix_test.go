package doctor_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/doctor"
)

func TestScript(t *testing.T) {
	index := func(sql string, unique bool, columns ...string) doctor.Fix {
		return doctor.Fix{As: "the owner of public.orders, app", Step: doctor.Build, SQL: []string{sql}, Index: &doctor.Index{Table: `"public"."orders"`, Columns: columns, Unique: unique}}
	}
	on := func(side, check, message string, fixes ...doctor.Fix) doctor.Finding {
		return doctor.Finding{Side: side, Check: check, Level: doctor.Warning, Message: message, Fixes: fixes}
	}
	optional := doctor.Fix{As: "the owner", SQL: []string{"ALTER TABLE a\nADD b", "ALTER TABLE c"}, Optional: true, Note: "Think first.", Step: doctor.Build}
	place := func(side string) doctor.Place {
		switch side {
		case "stream":
			return doctor.Place{Server: "kafka:9092"}
		case "legacy":
			return doctor.Place{Server: "db:5432", Database: "old\n; DROP"}
		}
		return doctor.Place{Server: "db:5432", Database: "new", Standby: side == "reports"}
	}
	findings := []doctor.Finding{
		on("legacy", "key_index", "no index\x1b[2J\nDROP TABLE x;", index("CREATE INDEX CONCURRENTLY a", false, "id")),
		on("legacy", "unique_key", "not unique", index("CREATE UNIQUE INDEX CONCURRENTLY a", true, "id"), optional),
		on("legacy", "table", "may not read", doctor.Fix{As: "the owner", SQL: []string{"GRANT SELECT", "GRANT USAGE"}}),
		on("events", "key_index", "no index", index("CREATE INDEX CONCURRENTLY k", false, "id")),
		on("events", "unique_position", "not unique", index("CREATE UNIQUE INDEX CONCURRENTLY kp", true, "id", "position")),
		on("projection", "key_index", "no unique index", index("CREATE UNIQUE INDEX CONCURRENTLY o", true, "id")),
		on("projection", "unique_key", "not unique", index("CREATE UNIQUE INDEX CONCURRENTLY o", true, "id")),
		on("stream", "group", "may not join", doctor.Fix{Command: "kafka-acls.sh --add"}),
		on("reports", "x", "y", doctor.Fix{As: "a superuser", SQL: []string{"ALTER ROLE r"}}),
		on("config", "settle", "nothing to run"),
	}
	got := doctor.Script(findings, place)
	const want = `-- What crosscheck doctor misses. Review it, and run each part where its comment says.

-- Server db:5432, database old ; DROP.
-- CREATE INDEX CONCURRENTLY runs in no transaction: use psql without -1, and statement by statement elsewhere.
-- It waits for transactions that are open. If it fails it leaves an invalid index: drop that first.

-- legacy, table: may not read
-- Run as the owner.
GRANT SELECT;
GRANT USAGE;

-- legacy, unique_key: not unique
-- Run as the owner of public.orders, app.
CREATE UNIQUE INDEX CONCURRENTLY a;

-- legacy, unique_key: not unique
-- Think first.
-- Optional. To use it, uncomment it. Run as the owner.
-- ALTER TABLE a ADD b;
-- ALTER TABLE c;

-- Server db:5432, database new.
-- CREATE INDEX CONCURRENTLY runs in no transaction: use psql without -1, and statement by statement elsewhere.
-- It waits for transactions that are open. If it fails it leaves an invalid index: drop that first.

-- events, unique_position: not unique
-- Run as the owner of public.orders, app.
CREATE UNIQUE INDEX CONCURRENTLY kp;

-- projection, key_index: no unique index
-- projection, unique_key: not unique
-- Run as the owner of public.orders, app.
CREATE UNIQUE INDEX CONCURRENTLY o;

-- Brokers kafka:9092: commands for a shell.

-- stream, group: may not join
--   kafka-acls.sh --add

-- Server db:5432, database new.
-- It is a standby, which takes no writes: run this on its primary.

-- reports, x: y
-- Run as a superuser.
ALTER ROLE r;

-- Then run crosscheck doctor --fix-sql again: what could not be asked before may miss more.
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for line := range strings.Lines(got) {
		if strings.ContainsAny(line, "\x1b\r") {
			t.Errorf("%q", line)
		}
	}
	if got := doctor.Script([]doctor.Finding{on("legacy", "signs", "may be faster", optional), on("legacy", "rows", "empty")}, place); got != "" {
		t.Errorf("only options: %s", got)
	}
}
