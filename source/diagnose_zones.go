package source

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/doctor"
)

// CheckZone looks at times without a time zone, which are read as UTC (docs/times.md).
const CheckZone = "zone"

// zone is the TimeZone of sessions that do not set one: those of the writers, unless they do.
type zone struct {
	name string
	utc  bool // in winter and in summer
}

// zoneSQL asks for the setting, and not for ours in a transaction.
const zoneSQL = `SELECT z, timestamp '2024-01-01' AT TIME ZONE z = timestamptz '2024-01-01 00:00:00+00' AND timestamp '2024-07-01' AT TIME ZONE z = timestamptz '2024-07-01 00:00:00+00'
	FROM (SELECT reset_val AS z FROM pg_catalog.pg_settings WHERE name = 'TimeZone') AS setting`

// examineZone warns of columns without a time zone where the server writes another zone than the one that they are read in.
func (e *examination) examineZone(ctx context.Context) {
	if len(e.zoneless) == 0 {
		return
	}
	if err := e.pool.QueryRow(ctx, zoneSQL).Scan(&e.zone.name, &e.zone.utc); err != nil {
		e.failed(CheckZone, "asking for the server's time zone", err)
		return
	}
	columns := strings.Join(e.zoneless, ", ")
	if e.zone.utc {
		e.add(doctor.OK, CheckZone, fmt.Sprintf("times without a zone are read as UTC, as the server writes them: %s", columns), "")
		return
	}
	e.add(doctor.Warning, CheckZone, fmt.Sprintf("times without a zone are read as UTC, and the server's TimeZone is %s: %s", e.zone.name, columns),
		fmt.Sprintf("if now() or a local clock wrote them, say so with an expression, such as %s AT TIME ZONE %s; docs/times.md has the rule", e.zoneless[0], "'"+strings.ReplaceAll(e.zone.name, "'", "''")+"'"))
}

// noteZoneless remembers a column without a time zone.
func (e *examination) noteZoneless(name string, n native) {
	if n.oid == pgtype.TimestampOID && !slices.Contains(e.zoneless, name) {
		e.zoneless = append(e.zoneless, name)
	}
}

// zonesFinding warns of servers whose zones differ, if that can matter.
func zonesFinding(legacy, projection *examination) (doctor.Finding, bool) {
	a, b := legacy.zone, projection.zone
	if a.name == "" || b.name == "" || a.name == b.name || a.utc && b.utc {
		return doctor.Finding{}, false
	}
	return doctor.Finding{
		Side: sideBoth, Check: CheckZone, Level: doctor.Warning,
		Message: fmt.Sprintf("the TimeZone of legacy's server is %s, and that of the projection's is %s, and both sides have times without a zone", a.name, b.name),
		Hint:    "the same time may be written differently on the two sides; see docs/times.md",
	}, true
}
