package verify

import (
	"bytes"
	"encoding/json"

	"github.com/nordvarg/crosscheck/order"
)

// Facts are what only one kind of pass knows: [SampleFacts], [FullFacts], [DeltaFacts], [StreamFacts], [AuditFacts], [ReadsFacts], [FrozenFacts], [ProjectedFacts]. They are stored as one JSON
// value whose names are part of the ledger's schema, so changing one needs a migration.
type Facts interface {
	// Settled returns the facts with the outcomes of the suspects that were settled after the scan.
	Settled(Settled) Facts
}

// decoders has a line for each kind of pass.
var decoders = map[PassKind]func(json.RawMessage) Facts{
	Sample:     decode[SampleFacts],
	Full:       decode[FullFacts],
	Delta:      decode[DeltaFacts],
	StreamPass: decode[StreamFacts],
	Audit:      decode[AuditFacts],
	Reads:      decode[ReadsFacts],
	Frozen:     decode[FrozenFacts],
	Projected:  decode[ProjectedFacts],
}

// UnknownFacts are facts that this program cannot read: of another kind, or with an unknown part. They are kept
// unchanged, and must not be taken for empty.
type UnknownFacts struct{ Raw json.RawMessage }

// Settled returns them unchanged.
func (f UnknownFacts) Settled(Settled) Facts { return f }

// MarshalJSON returns them as they were read.
func (f UnknownFacts) MarshalJSON() ([]byte, error) { return f.Raw.MarshalJSON() }

// DecodeFacts reads the facts of a pass of the kind; nil if there are none, as before the end of the scan.
func DecodeFacts(kind PassKind, raw json.RawMessage) Facts {
	if raw == nil {
		return nil
	}
	if decode, ok := decoders[kind]; ok {
		return decode(raw)
	}
	return UnknownFacts{raw}
}

func decode[F Facts](raw json.RawMessage) Facts {
	var f F
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(&f) != nil {
		return UnknownFacts{raw}
	}
	return f
}

// Rows is how many rows each side has.
type Rows struct {
	Legacy     int64 `json:"legacy_rows"`
	Projection int64 `json:"projection_rows"`
}

// Larger is the number of rows of the larger side.
func (r Rows) Larger() int64 { return max(r.Legacy, r.Projection) }

// Changes counts, for drawn orders, lines of legacy's own record that should have an event, and those that have one.
type Changes struct {
	Recorded   int64 `json:"recorded"`
	WithEvents int64 `json:"with_events"`
	// Without are the first 1,000 orders that have such lines without an event.
	Without []Unrecorded `json:"without,omitempty"`
}

// Unrecorded is an order with changes that no event tells of.
type Unrecorded struct {
	Key     order.Key `json:"order"`
	Changes int64     `json:"changes"`
}

// mostUnrecorded is how many orders are named.
const mostUnrecorded = 1000

func (c *Changes) add(more Changes) {
	c.Recorded += more.Recorded
	c.WithEvents += more.WithEvents
	c.Without = append(c.Without, more.Without[:min(len(more.Without), mostUnrecorded-len(c.Without))]...)
}
