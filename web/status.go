// Package web shows pages for people, the same as a JSON API, health, readiness and metrics.
//
// Invariant: only a user with a role can change something, and that is on record before it is done. Everything shown was read for this request or a moment before: if
// the ledger cannot be read, the page says so with status 503 and never repeats the last good answer. Values from
// databases are untrusted and reach the page only through html/template.
package web

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// MaxDivergences is how many open divergences the page lists, oldest first. The ledger has all of them.
const MaxDivergences = board.MaxListed

// Source reads what the page shows. It must be safe for concurrent use and return when its context ends. An error means
// that nothing is known.
type Source interface {
	Status(context.Context) (Status, error)
}

// System says which system is compared. Both may be empty.
type System struct {
	Name        string `json:"name,omitempty"`
	Environment string `json:"environment,omitempty"`
}

// String returns both in one text; empty if nothing is known.
func (s System) String() string {
	if s.Name != "" && s.Environment != "" {
		return s.Name + ", " + s.Environment
	}
	return s.Name + s.Environment
}

// Status is everything that is shown, as one JSON object at /api/status.
type Status struct {
	At       time.Time     `json:"at"` // when it was read; all ages are relative to it
	System   System        `json:"system,omitzero"`
	Version  string        `json:"version"`
	Revision string        `json:"revision,omitempty"`
	Decision gate.Decision `json:"gate"`
	// Passes are the newest ones, newest first; running ones included.
	Passes []Pass `json:"passes"`
	// Open is the number of open divergences. Divergences holds at most [MaxDivergences] of them.
	Open        int64        `json:"open_divergences"`
	Divergences []Divergence `json:"divergences"`
	// Accepted is how many divergences are accepted. They are not open until their acceptance ends.
	Accepted int64 `json:"accepted_divergences"`
	// Parts are the configured parts, and whether they can be used now.
	Parts []Part `json:"parts"`
	// VerifiedThrough is the watermark: up to when everything has been verified; null if nothing has.
	VerifiedThrough *Watermark `json:"verified_through"`
	// History is the newest audit of all orders; absent if there is none.
	History *History `json:"history,omitempty"`
	// Suspects is how many orders wait for their recheck.
	Suspects int64 `json:"suspects"`
	// Readers are the sidecars that share the partitions of the stream; nothing if one follows them all.
	Readers []Reader `json:"stream_readers,omitempty"`
	// Schedule says for each kind of pass when it runs next, and whether it is overdue.
	Schedule []Schedule `json:"schedule"`

	// What only the page shows.
	Flow    Flow           `json:"-"`
	Trend   Trend          `json:"-"`
	Running []Progress     `json:"-"`
	Cutover *board.Cutover `json:"-"` // where the cutover stands; nil if there was never a run
}

// Reader is the sidecar that reads a partition.
type Reader struct {
	Partition int    `json:"partition"`
	Reader    string `json:"reader"`  // the last that has claimed it; empty if none has
	Waiting   int64  `json:"waiting"` // parcels that it has read and that were not matched yet
}

// Watermark says that everything up to At has been verified.
type Watermark struct {
	At         time.Time `json:"at"`
	AgeSeconds float64   `json:"age_seconds"`
	Pass       string    `json:"pass"` // the kind of the pass that moved it there
	PassID     int64     `json:"pass_id"`
	Accepted   int64     `json:"accepted,omitempty"` // orders that the pass found diverged, and that were accepted
	// OldEvents are those at which the pass did not look again; nil if there are none.
	OldEvents *OldEvents `json:"old_events,omitempty"`
}

// OldEvents says when additions, edits and deletions of events up to a position were last looked for.
type OldEvents struct {
	UpTo     int64     `json:"up_to"`
	LookedAt time.Time `json:"looked_at"`
}

// Pass is one pass as it is shown.
type Pass struct {
	ID              int64      `json:"id"`
	Pass            string     `json:"pass"`
	State           string     `json:"state"`             // scanning, settling, done
	Verdict         string     `json:"verdict,omitempty"` // empty unless done
	Trigger         string     `json:"trigger"`
	StartedAt       time.Time  `json:"started_at"`
	FinishedAt      *time.Time `json:"finished_at"` // null unless done
	DurationSeconds float64    `json:"duration_seconds"`
	Compared        int64      `json:"compared"`
	Coverage        float64    `json:"coverage"`
	Diverged        int64      `json:"diverged"`
	Unverified      int64      `json:"unverified"`
	Reason          string     `json:"reason,omitempty"`
	// Throttled are the sides that a running pass does not read at full speed, and why.
	Throttled []throttle.State `json:"throttled,omitempty"`
	// Sharing is how far the sidecars are that compare the ranges of a running pass together.
	Sharing *verify.Sharing `json:"sharing,omitempty"`
}

// Divergence is one divergence as the page, the API, the report and the commands show it.
type Divergence struct {
	OrderID    string    `json:"order_id"`
	Kind       string    `json:"kind"`
	Hop        order.Hop `json:"hop"`
	Cause      string    `json:"cause"` // empty if the evidence does not tell
	Fields     []Field   `json:"fields"`
	FirstSeen  time.Time `json:"first_seen"`
	AgeSeconds float64   `json:"age_seconds"`
	State      string    `json:"state"`
	FoundBy    string    `json:"found_by,omitempty"` // the kind of pass that saw it first
	// Acceptance says who accepted it; null if it is not accepted.
	Acceptance *Acceptance `json:"acceptance,omitempty"`
}

// Acceptance says that somebody has accepted a divergence until a time.
type Acceptance struct {
	Who   string    `json:"who"`
	Why   string    `json:"why"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
}

// Field is one field that disagrees.
type Field struct {
	Name    string `json:"name"`
	*Values        // nil, and not in the JSON, if they are hidden
	Hidden  bool   `json:"hidden,omitempty"`
}

// Values are a field's values; null is NULL.
type Values struct {
	Legacy     *string `json:"legacy"`
	Events     any     `json:"events,omitempty"` // the value according to the events, a *string; absent if not known
	Projection *string `json:"projection"`
}

// Schedule is one scheduled kind of pass.
type Schedule struct {
	Pass string `json:"pass"`
	Cron string `json:"cron"` // or the interval, such as "every 10s"
	// Next is null if it is not known.
	Next *time.Time `json:"next"`
	// Overdue is true if a run was missed or takes too long; Reason says which, in a sentence.
	Overdue bool   `json:"overdue"`
	Reason  string `json:"reason,omitempty"`
	// Failures is how many passes of the kind in a row could not judge everything, since FailingSince; LastError says
	// why the newest could not.
	Failures     int64      `json:"failures,omitempty"`
	FailingSince *time.Time `json:"failing_since,omitempty"`
	LastError    string     `json:"last_error,omitempty"`
}

// Part is one thing that crosscheck needs, and whether it was reached lately.
type Part struct {
	Name string `json:"name"` // as docs/web.md lists them
	OK   bool   `json:"ok"`
	// Since is when this process first saw the part in this state.
	Since  time.Time `json:"since,omitzero"`
	Reason string    `json:"reason,omitempty"` // why not, in a sentence
}

// withoutReasons is for people who may not see the page.
func (r Readiness) withoutReasons() Readiness {
	parts := r.Parts
	r.Parts = []Part{}
	for _, p := range parts {
		if p.Reason != "" {
			p.Reason = "the status page and the log say why"
		}
		r.Parts = append(r.Parts, p)
	}
	return r
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready bool   `json:"ready"`
	Parts []Part `json:"parts"`
}
