// Package doctor defines the findings of a diagnosis: what the command doctor prints, whichever adapter found it.
//
// Invariant: findings are for people. No decision depends on them.
package doctor

import (
	"slices"
	"strings"
)

// Level says how much a finding matters.
type Level string

// The levels of findings, from none to worst.
const (
	OK      Level = "ok"
	Info    Level = "info"    // worth knowing
	Warning Level = "warning" // works, but is slower or finds less than it could
	Error   Level = "error"   // passes fail, or cannot be trusted
)

// Worse returns true if a level is worse than another.
func (l Level) Worse(than Level) bool {
	order := []Level{OK, Info, Warning, Error}
	return slices.Index(order, l) > slices.Index(order, than)
}

// Finding is the result of one check of a diagnosis.
type Finding struct {
	Side    string `json:"side"`  // a representation, "ledger" and so on; "both" for findings about legacy and projection together
	Check   string `json:"check"` // the name of the check, for people and programs
	Level   Level  `json:"level"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do; empty if nothing needs to be done
	Fixes   []Fix  `json:"-"`              // what doctor --fix-sql prints of it
}

// The checks that every system has.
const (
	Connection = "connection" // an error here means that the system cannot be reached at this time
	Login      = "login"
	Busy       = "busy" // an error here may pass by itself, such as a lock that others hold
)

// OneLine returns a text on one line, as messages need it.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
