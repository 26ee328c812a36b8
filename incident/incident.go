// Package incident derives from the ledger's facts what people must be told: which incidents are open, and which
// messages follow from what has changed.
//
// Invariant: the package is pure, without I/O and clock. The same incidents, facts and time always give the same
// [Change]s. Facts that an open incident has already told give no change. So a process that dies between deriving and
// storing loses nothing, and a restarted process does not repeat a message.
package incident

import "time"

// Kind says what an incident is about.
type Kind string

// The kinds of incident; the same string in the ledger, the log and the docs.
const (
	Divergence Kind = "divergence" // orders differ across one hop for one cause
	StreamHole Kind = "stream"     // the stream has stopped, or has lost messages
	GateFlip   Kind = "gate"       // the decision has changed
	PassFailed Kind = "pass"       // the newest pass of a kind could not judge everything
	Overdue    Kind = "overdue"    // a scheduled pass has not begun
	Coverage   Kind = "coverage"   // the newest pass of a kind left orders out
	Cutover    Kind = "cutover"    // a run of the cutover has not ended, and no process drives it
	Audit      Kind = "audit"      // the newest audit has findings that nobody has answered for
)

// Severity says whether a message may wait.
type Severity string

// The severities. Only a message that is less than critical is held during quiet hours.
const (
	Critical Severity = "critical" // somebody must look now, at night too
	Warning  Severity = "warning"  // somebody must look by day
)

// Key identifies an incident. No two open incidents have the same key.
type Key struct {
	Kind    Kind
	Subject string // "legacy->events/ghost_event", "full", "gate"
	// Fingerprint identifies what is compared; empty if it does not matter.
	Fingerprint string
}

// Incident is one thing that people are told about in one thread, as stored in the ledger.
type Incident struct {
	ID int64 // zero until it is stored
	Key
	Severity Severity
	Open     bool
	OpenedAt time.Time
	// ToldAt is when the newest parent or reply was put into the outbox. Edits do not count.
	ToldAt     time.Time
	ResolvedAt time.Time // zero while it is open
	Count      int64     // now; 0 if there is nothing to count
	Peak       int64     // the largest Count so far
	Told       string    // the state that the thread was told last
	Body       Body      // of the parent, as last put into the outbox
}

// Op is what a message does.
type Op string

// The operations.
const (
	Parent Op = "parent" // begins the incident's thread
	Edit   Op = "edit"   // replaces the text of the parent; a newer edit makes an older one unnecessary
	Reply  Op = "reply"  // is posted into the thread
)

// Message is one entry of the outbox. The messages of one incident are sent in order.
type Message struct {
	Op        Op
	Body      Body
	NotBefore time.Time // zero: at once
}

// Body is a message in plain words. All of it is text, not markup.
type Body struct {
	Headline string   `json:"headline"`
	Lines    []string `json:"lines,omitempty"`
	Context  []string `json:"context,omitempty"`
	Link     string   `json:"link,omitempty"` // address of the status page
	Page     string   `json:"page,omitempty"` // the path of the page that shows more; empty for the first
	// Orders are the keys of those that have pages of their own.
	Orders []string `json:"orders,omitempty"`
	// Docs is the address of the documentation that Context names; empty if it has none.
	Docs string `json:"docs,omitempty"`
	// System says which system the message is about; may be empty.
	System string `json:"system,omitempty"`
}

// Title is the headline with the system before it.
func (b Body) Title() string {
	if b.System == "" {
		return b.Headline
	}
	return "[" + b.System + "] " + b.Headline
}

// Change is an incident to store and the messages to enqueue with it, in one transaction.
type Change struct {
	Incident Incident
	Messages []Message
}
