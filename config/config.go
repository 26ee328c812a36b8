// Package config reads config.yaml: strictly, completely, and with the place of every mistake.
//
// Invariant: a [Config] that [Load] returns is complete. Every default is filled in, every reference to the
// environment is expanded and every value is within its range; whatever is not understood is an error with
// file, line, column and key path, and all errors are reported at once. Secrets are of type [Secret] and
// cannot be printed by accident.
package config

import (
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Config is the whole of config.yaml, with defaults filled in.
type Config struct {
	// Legacy is the system of record. Required.
	Legacy Side
	// Projection is the read model that shall replace it. Required.
	Projection Side
	// Events is the event store; optional. explain reads it.
	Events Events
	// Stream is the topic that events are published to; optional, and needs Events.
	Stream Stream
	// History is legacy's own memory of its orders; optional. explain reads it.
	History History
	// Ledger is where crosscheck remembers. Required.
	Ledger Ledger
	// Compare says which fields are compared and how lag is told from divergence. Required.
	Compare Compare
	// Sampler says which checks run when. Default: see Sampler.
	Sampler Sampler
	// Alerts says where people are told; optional.
	Alerts Alerts
	// Gate holds the criteria of the decision. Default: see Criteria.
	Gate Gate
	// Web is the status page and the metrics endpoint. Default: see Web.
	Web Web
}

// Side is one representation: a table with one row for each order.
type Side struct {
	// DSN is the connection string, a postgres:// URL or key=value pairs. Required.
	DSN Secret
	// Table is a table, a view, a materialized view or "(select …)". Default public.orders for legacy,
	// public.current_orders for the projection.
	Table string
	// Key is the column that identifies an order: integer, uuid or text. Default order_id.
	Key string
	// ChangedAt is the column with the time at which the row was last written; for the projection it is the
	// newest change of the order that the row shows. Without it nothing looks at what changed last, and
	// lag is told from divergence by patience alone. Default "", no such column.
	ChangedAt string
}

// Ledger is the schema in PostgreSQL that holds passes, suspects and divergences.
type Ledger struct {
	// DSN is the connection string. Required. The role needs the right to create the schema, or to write to it.
	DSN Secret
	// Schema is created when it is absent and belongs to crosscheck alone. Default crosscheck.
	Schema string
}

// Compare says what makes two representations of an order equal.
type Compare struct {
	// Fields are compared, in this order. At least one, names are unique.
	Fields []Field
	// Settle says how lag is told from divergence.
	Settle Settle
	// GroupBy names the field whose rows are counted for each of its values on both sides; "" counts all rows
	// as one group. Default status where a field of that name is compared, "" elsewhere.
	GroupBy string
}

// Field is one compared field of an order.
type Field struct {
	// Name is what the field is called in reports: letters, digits and underscores. Required.
	Name string
	// Type is what both sides are cast to before they are compared, one of FieldTypes. Required.
	Type string
	// Tolerance is the largest absolute difference that still counts as equal, in the field's own unit, exact;
	// nil compares exactly. Numeric and integer fields only. Default nil.
	Tolerance *apd.Decimal
	// Legacy and Projection are the SQL expressions of the field on each side, as configured. Default the
	// field's own name as a quoted identifier.
	Legacy, Projection string
}

// FieldTypes lists the types that a field can have.
func FieldTypes() []string {
	return []string{"text", "numeric", "integer", "boolean", "timestamptz", "uuid", "date"}
}

// Settle says how lag is told from divergence by patience.
type Settle struct {
	// Window is how long both sides must hold still before a difference counts. Default 30s; 0s only where
	// nothing is written any more.
	Window time.Duration
	// Rechecks is how often an order that keeps moving is looked at before it is given up as unverified,
	// at least 1. Default 3.
	Rechecks int
	// MaxLag is how long a projection that has not reached a change, or a stream that shows nothing newer, may stay
	// behind, not below Window. Default 5m.
	MaxLag time.Duration
}

// Sampler says which checks the sidecar runs, and when. Schedules are read in UTC unless they name a time zone.
type Sampler struct {
	// Schedule is when a sample is drawn. Default "0 * * * *", every hour; off switches it off.
	Schedule Schedule
	// Size is the number of orders of one sample, from 1 to 10,000,000. Default 10000.
	Size int
	// Full is when a full verification runs. Default "0 2 * * *", every night; off switches it off.
	Full Schedule
}

// Web is the HTTP endpoint of the sidecar: status page, /metrics, /healthz and /readyz.
type Web struct {
	// Listen is host:port; an empty host is every address of the machine. Default :8080.
	Listen string
	// URL is where people reach the page, for links in alerts; empty for nowhere.
	URL string
}

// defaults is the configuration to which a file adds what it says.
func defaults() Config {
	return Config{
		Legacy:     Side{Table: "public.orders", Key: "order_id"},
		Projection: Side{Table: "public.current_orders", Key: "order_id"},
		Ledger:     Ledger{Schema: "crosscheck"},
		Compare:    Compare{Settle: Settle{Window: 30 * time.Second, Rechecks: 3, MaxLag: 5 * time.Minute}},
		Sampler:    Sampler{Schedule: mustSchedule("0 * * * *"), Size: 10_000, Full: mustSchedule("0 2 * * *")},
		Gate:       Gate{Criteria: defaultCriteria()},
		Web:        Web{Listen: ":8080"},
	}
}
