package board

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// NoCause selects divergences whose cause is not known.
const NoCause = "none"

// Filter selects divergences. An empty part selects all.
type Filter struct {
	Fingerprint string
	State       verify.DivergenceState
	Key         order.Key
	Hop         order.Hop
	Kind        string
	Cause       string // or NoCause
	Field       string // that differs
	// Before selects those that were first seen before it; zero for all.
	Before time.Time
}

// NewestFirst says in which order the divergences of a filter are listed. Open and accepted ones come oldest first.
func (f Filter) NewestFirst() bool { return f.State != verify.Open && f.State != verify.Accepted }

// Place is where a divergence stands in a list; the zero value is before all.
type Place struct {
	FirstSeen time.Time
	ID        int64
}

// Counts are the divergences of a filter, counted.
type Counts struct {
	Groups []gate.OpenDivergences // by hop, kind and cause
	Fields []FieldCount           // by the fields that differ; the most frequent first
}

// FieldCount is how many divergences have a field that differs.
type FieldCount struct {
	Field string `json:"field"`
	Count int64  `json:"count"`
}

// Listed are divergences, a page at a time.
type Listed interface {
	// ListDivergences returns up to limit of them that stand after a place.
	ListDivergences(ctx context.Context, f Filter, after Place, limit int) ([]verify.Divergence, error)
	CountDivergences(context.Context, Filter) (Counts, error)
}

// PassFilter selects passes. An empty part selects all.
type PassFilter struct {
	Kind    verify.PassKind
	Verdict string
	Before  verify.PassID // with smaller numbers; 0 for all
}

// Link is one link of the chain of decisions.
type Link struct {
	Seq         int64
	At          time.Time
	Who         string
	Fingerprint string
	Answer      string // GO, NO-GO, INCONCLUSIVE, or APPROVAL
	Hash, Prev  string
	Flaw        string          // what is wrong with the link; empty if it is sound
	Decision    json.RawMessage // of a decision
	Evidence    json.RawMessage // of a decision; the approval itself otherwise
}

// Change is what somebody asked for by the API or the page.
type Change struct {
	ID      int64
	At      time.Time
	Who     string
	Role    string
	Action  string
	Request json.RawMessage
	Outcome string // done, or what was wrong; empty while it is not known
}

// Logged is what has happened, newest first.
type Logged interface {
	ListPasses(ctx context.Context, f PassFilter, limit int) ([]verify.Pass, error)
	// ListDecisions returns links with numbers below before; 0 is all.
	ListDecisions(ctx context.Context, before int64, limit int) ([]Link, error)
	ListChanges(ctx context.Context, before int64, limit int) ([]Change, error)
}

// Journal keeps what people change.
type Journal interface {
	// BeginChange writes it down before it is done, and returns its number.
	BeginChange(context.Context, Change) (int64, error)
	EndChange(ctx context.Context, id int64, outcome string) error
}
