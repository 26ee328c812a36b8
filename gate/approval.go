package gate

import (
	"fmt"
	"strings"
	"time"
)

// Approval is what a second person has said of a decision GO. It stands in the chain of decisions.
type Approval struct {
	Seq         int64     `json:"seq"`      // its own place in the chain
	Decision    int64     `json:"decision"` // the place of the decision
	Who         string    `json:"who"`
	OSUser      string    `json:"os_user,omitempty"` // who was logged in, whatever name was given
	Ticket      string    `json:"ticket"`
	Fingerprint string    `json:"fingerprint"` // of the decision
	Cutover     string    `json:"cutover"`     // names the configuration of fence, switches and criteria
	At          time.Time `json:"at"`
	Until       time.Time `json:"until"`
	Hash        string    `json:"hash,omitempty"` // of its link
}

// Lacks says why the approval does not allow somebody to cut over now; empty if it does. The zero value is no approval.
func (a Approval) Lacks(fingerprint, cutover, executor string, now time.Time) string {
	switch {
	case a.Seq == 0:
		return "nobody has approved a decision GO"
	case a.Fingerprint != fingerprint:
		return fmt.Sprintf("what %s has approved is not what is configured now", a.Who)
	case a.Cutover != cutover:
		return fmt.Sprintf("%s has approved another slice, or another section cutover or gate than there is now", a.Who)
	case person(a.Who) == "" || executor != "" && person(executor) == "": // the plan does not know who will execute
		return "who approves and who executes must have a name"
	case a.Same(executor):
		return a.Who + " has approved it, and who executes must be another person"
	case !now.Before(a.Until):
		return fmt.Sprintf("the approval of %s has ended at %s", a.Who, a.Until.UTC().Format(time.RFC3339))
	}
	return ""
}

// Same reports whether it is of the person who executes.
func (a Approval) Same(executor string) bool { return a.Seq > 0 && person(a.Who) == person(executor) }

// person is the name without the machine.
func person(who string) string {
	name, _, _ := strings.Cut(who, "@")
	return strings.ToLower(strings.TrimSpace(name))
}
