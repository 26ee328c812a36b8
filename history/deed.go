package history

import (
	"crypto/sha1" //nolint:gosec // of RFC 9562
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/uuid"

	"github.com/nordvarg/crosscheck/order"
)

// Kind says what happened to an order, in no store's words.
type Kind string

// The kinds of deeds.
const (
	Created  Kind = "created"
	Modified Kind = "modified"
	Traded   Kind = "traded"
	Canceled Kind = "canceled"
	// Imported is the row as it is, where nothing says how it came about.
	Imported Kind = "imported"
)

// Evidence says how sure a deed is.
type Evidence string

// The evidence, from the surest on.
const (
	// Exact: legacy recorded the deed, with its time.
	Exact Evidence = "exact"
	// Derived: legacy's records allow only this deed at this time.
	Derived Evidence = "derived"
	// Approximated: the deed happened, but its time or a value has no source.
	Approximated Evidence = "approximated"
	// FromRow: only the row is known. The event is a snapshot of it.
	FromRow Evidence = "imported"
)

// Evidences lists every Evidence, from the surest on.
func Evidences() []Evidence { return []Evidence{Exact, Derived, Approximated, FromRow} }

// Source is the row of legacy that a deed comes from.
type Source struct {
	Table string // "orders", "audit_log" or "trades"
	Key   string // its key in that table; what it says, if the table has no key
}

// Deed is one thing that happened to an order.
type Deed struct {
	ID   uuid.UUID // of order and source: the same on each reconstruction
	Kind Kind
	// At is when it happened. Recorded is when legacy wrote it down, zero if legacy does not say.
	At, Recorded time.Time
	// NotBefore and NotAfter are the bounds of At where it has no source; zero otherwise.
	NotBefore, NotAfter time.Time
	Evidence            Evidence
	From                Source

	Sets     []order.Value // Created, Imported: of the fields of the schema, as they were after the deed
	Field    string        // Modified
	Old, New order.Value   // Modified
	// Traded: what was traded, what was filled of the order after it, and what the order was for.
	Quantity, Price, Filled, Ordered apd.Decimal
	Status                           string // of the order after the deed; empty if nothing is bound to it
}

// Told is what the record says of the deed, beside kind and time.
func (d *Deed) Told() string {
	return fmt.Sprintf("%s %q %s %s %s %q %t %s", d.From.Table, d.From.Key, plain(&d.Quantity).Text, plain(&d.Price).Text, d.Field, d.New.Text, d.New.Null, d.Status)
}

// namespace is that of the ids of reconstructed events.
var namespace = uuid.MustParse("6f3f1f0e-6a4e-5d0b-9d5f-1a2f8f5b7c11")

// identify returns the deed's id: UUID version 5 (RFC 9562, section 5.5) of order, source and its key.
func identify(key order.Key, kind Kind, from Source) uuid.UUID {
	var room [128]byte
	name := append(room[:0], namespace[:]...)
	for i, part := range [...]string{string(key), from.Table, from.Key, string(kind)} {
		if i > 0 {
			name = append(name, 0)
		}
		name = append(name, part...)
	}
	sum := sha1.Sum(name) //nolint:gosec // it is an id, and keeps no secret
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	return id
}
