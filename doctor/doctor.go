// Package doctor has the words of a diagnosis: what the command doctor prints, whichever adapter found it.
//
// Invariant: a finding is what people read. Nothing decides by it.
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
	Warning Level = "warning" // works, but slower or seeing less than it could
	Error   Level = "error"   // passes fail, or cannot be trusted
)

// Worse is true if a level matters more than another.
func (l Level) Worse(than Level) bool {
	order := []Level{OK, Info, Warning, Error}
	return slices.Index(order, l) > slices.Index(order, than)
}

// Finding is the result of one check of a diagnosis.
type Finding struct {
	Side    string `json:"side"`  // a representation, "ledger" and so on; "both" for what lies between legacy and projection
	Check   string `json:"check"` // what people and programs know the check by
	Level   Level  `json:"level"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do; empty where nothing needs to be done
}

// The checks that every system has.
const (
	Connection = "connection" // an error here means that the system cannot be reached, or not now
	Login      = "login"
)

// OneLine is a text on one line, as a message has to be.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
