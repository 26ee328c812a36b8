// Package incident derives what people must hear of from what the ledger knows: which incidents are open, and which
// messages follow from what has changed.
//
// Invariant: pure. No I/O and no clock; the same incidents, facts and time always give the same [Change]s, and facts
// that an open incident has told already give none. So a process that dies between deriving and storing changes
// nothing, and one that starts again tells nothing twice.
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
)

// Severity says whether a message may wait.
type Severity string

// The severities. Only a message that is less than critical is held during quiet hours.
const (
	Critical Severity = "critical" // somebody must look now, at night too
	Warning  Severity = "warning"  // somebody must look by day
)

// Key tells incidents apart. No two open incidents have the same.
type Key struct {
	Kind    Kind
	Subject string // "legacy->events/ghost_event", "full", "gate"
	// Fingerprint is of what is compared; empty where it does not matter.
	Fingerprint string
}

// Incident is one thing that people hear of in one thread, as the ledger remembers it.
type Incident struct {
	ID int64 // zero until it is stored
	Key
	Severity Severity
	Open     bool
	OpenedAt time.Time
	// ToldAt is when the newest parent or reply was put into the outbox; edits do not count.
	ToldAt     time.Time
	ResolvedAt time.Time // zero while it is open
	Count      int64     // now; 0 where there is nothing to count
	Peak       int64     // the largest Count so far
	Told       string    // the state that the thread was told last
	Body       Body      // of the parent, as it was put into the outbox last
}

// Op is what a message does.
type Op string

// The operations.
const (
	Parent Op = "parent" // begins the incident's thread
	Edit   Op = "edit"   // replaces the text of the parent; a newer one makes an older one needless
	Reply  Op = "reply"  // is posted into the thread
)

// Message is one entry of the outbox. Those of one incident are sent in their order.
type Message struct {
	Op        Op
	Body      Body
	NotBefore time.Time // zero for at once
}

// Body is a message in plain words. What it holds is text: nothing in it is markup.
type Body struct {
	Headline string   `json:"headline"`
	Lines    []string `json:"lines,omitempty"`
	Context  []string `json:"context,omitempty"`
	Link     string   `json:"link,omitempty"` // address of the status page
}

// Change is an incident as it is to be stored and the messages to be enqueued with it, in one transaction.
type Change struct {
	Incident Incident
	Messages []Message
}
