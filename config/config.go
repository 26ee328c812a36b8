// Package config reads config.yaml strictly and completely, and reports the place of every mistake.
//
// Invariant: a [Config] that [Load] returns is complete. Every default is filled in, every reference to the environment
// is expanded, and every value is within its range. Anything unknown is an error with file, line, column and key path,
// and all errors are reported at once. Only what fold rules mean is checked later, once the rules can be read. Secrets are
// of type [Secret] and cannot be printed by accident.
package config

import (
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
)

// Config is the whole of config.yaml, with defaults filled in.
type Config struct {
	// Name and Environment say which system this is, on the page, in the report, in the metrics and in alerts. Default
	// "", not said.
	Name, Environment string
	// Pair is the name of this pair of tables in the list pairs; empty for a file without the list.
	Pair string
	// PostCutover is true with mode: post_cutover: events are the truth, and legacy must stay as the cutover has left it. Default false, pre_cutover.
	PostCutover bool
	// Legacy is the system of record. Required.
	Legacy Side
	// Projection is the read model that will replace it. Required.
	Projection Side
	// Events is the event store; optional. explain reads it.
	Events Events
	// Stream is the topic that events are published to; optional, and needs Events.
	Stream Stream
	// History is legacy's own record of its orders; optional.
	History History
	// Backfill says how events that the store misses are written. Default not at all.
	Backfill Backfill
	// Ledger is where crosscheck keeps its records. Required.
	Ledger Ledger
	// Compare says which fields are compared and how lag is told from divergence. Required.
	Compare Compare
	// Sampler says which checks run when. Default: see Sampler.
	Sampler Sampler
	// Verify says how full verifications read. Default: see Verify.
	Verify Verify
	// Throttle limits what a full verification costs the databases. Default no limits.
	Throttle throttle.Limits
	// Alerts says how people are told of incidents; optional.
	Alerts Alerts
	// Gate holds the criteria of the decision, and the waivers. Default: gate.Defaults, no waivers.
	Gate gate.Policy
	// Repair says where a plan of repairs writes. Default: see Repair.
	Repair Repair
	// Reads says what is asked of both read paths; optional.
	Reads Reads
	// Cutover says how the system is cut over; optional.
	Cutover Cutover
	// Web is the status page and the metrics endpoint. Default: see Web.
	Web Web
	// Docs says where people read the documentation.
	Docs Docs

	leftOut     []string // by Without
	gateWritten string   // the section gate as it stands in the file

	// No verb of fmt prints what a function knows.
	mask      func(string) string
	checkDSNs func(fault func(dsn string) (message, hint string)) error
	place     func(path string) *Error
	warnings  Errors
}

// Side is one representation: a table with one row for each order.
type Side struct {
	// DSN is the connection string, a postgres:// URL or key=value pairs. Required.
	DSN Secret
	// Table is a table, a view, a materialized view or "(select …)". Default public.orders for legacy,
	// public.current_orders for the projection.
	Table string
	// Where is an SQL condition for the rows that belong here: the slice. Default "", all rows.
	Where string
	// Key is the column that identifies an order: integer, uuid or text. Default order_id.
	Key string
	// ChangedAt is the column with the time at which the row was last written. For the projection it is the time of the
	// newest change that the row shows. Without it, samples do not look at the newest changes, and lag is told from
	// divergence only by waiting. Default "", no such column.
	ChangedAt string
}

// Ledger is the schema in PostgreSQL that holds passes, suspects and divergences.
type Ledger struct {
	// DSN is the connection string. Required. The role must be allowed to create the schema, or to write to it.
	DSN Secret
	// Schema is created if it does not exist. Only crosscheck may use it. Default crosscheck.
	Schema string
	// Shared is the schema of what is about all pairs: Schema without the pair's name. Default "", no pairs.
	Shared string
}

// Compare says what makes two representations of an order equal.
type Compare struct {
	// Fields are compared, in this order. There must be at least one, with unique names.
	Fields []Field
	// Settle says how lag is told from divergence. Default a window of 30s, 3 rechecks, and 5m for lag. Use a window of
	// 0s only if nothing is written any more.
	Settle compare.Settle
	// GroupBy names the field by whose values rows are counted on both sides; "" counts all rows as one group. Default
	// status if a field of that name is compared, otherwise "".
	GroupBy string
}

// Field is one compared field of an order.
type Field struct {
	// Field has a name of letters, digits and underscores, and a type; both are required. Default no tolerance.
	order.Field
	// Legacy and Projection are the SQL expressions of the field on each side, as configured. Default the field's own
	// name as a quoted identifier.
	Legacy, Projection string
}

// Sampler says which checks the sidecar runs, and when. Schedules are in UTC unless they name a time zone.
type Sampler struct {
	// Schedule is when a sample is drawn. Default "0 * * * *", every hour; off switches it off.
	Schedule Schedule
	// Size is the number of orders of one sample, from 1 to 10,000,000. Default 10000.
	Size int
	// Full is when a full verification runs. Default "0 2 * * *", every night; off switches it off.
	Full Schedule
	// Delta is the time between two passes over what has changed, from 1s to 24h. Default off.
	Delta Schedule
	// Audit is when the history of all orders is audited. It needs the sections events and history. Default off.
	Audit Schedule
}

// defaults is the configuration before the file is read.
func defaults() Config {
	return Config{
		Legacy:     Side{Table: "public.orders", Key: "order_id"},
		Projection: Side{Table: "public.current_orders", Key: "order_id"},
		Ledger:     Ledger{Schema: "crosscheck"},
		Compare:    Compare{Settle: compare.Settle{Window: 30 * time.Second, Rechecks: 3, MaxLag: 5 * time.Minute}},
		Sampler:    Sampler{Schedule: mustSchedule("0 * * * *"), Size: 10_000, Full: mustSchedule("0 2 * * *")},
		Gate:       gate.Policy{Criteria: gate.Defaults()},
		Web:        Web{Listen: "127.0.0.1:8080", ShowValues: true},
	}
}
