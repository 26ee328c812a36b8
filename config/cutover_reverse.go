package config

import (
	"fmt"
	"time"
)

// Reverse is a feed of the user that brings what the new side acknowledges to legacy, after a cutover.
type Reverse struct {
	// Role is the one with which the feed logs in to legacy, and nobody else does. Required.
	Role string
	// MaxLag is how long legacy may lack what the new side has. Default 5s.
	MaxLag time.Duration
	// Check asks the feed whether it is live; required, and has only a check.
	Check Switch
}

// Given reports whether there is such a feed.
func (r Reverse) Given() bool { return r.Role != "" }

// readReverse reads the optional section.
func readReverse(o *object, t *Cutover) {
	if o == nil {
		return
	}
	r := &t.Reverse
	r.MaxLag = 5 * time.Second
	o.require("role", "the role with which the feed logs in to legacy, and nobody else does")
	if s, text, ok := o.filledScalar("role"); ok {
		if r.Role = text; text == "" || len(text) > 63 {
			o.wrong(s, "must be the name of a role, found "+s.shown(), "")
		}
	}
	o.duration("max_lag", &r.MaxLag, 100*time.Millisecond)
	if 4*r.MaxLag > t.RollbackReserve {
		o.at(o.node, join(o.path, "max_lag"), fmt.Sprintf("max_lag (%v) must be at most a quarter of cutover.rollback_reserve (%v)", r.MaxLag, t.RollbackReserve), "")
	}
	o.require("check", "how to ask whether the feed is live; see docs/switches.md")
	if c := o.object("check"); c != nil {
		defer c.remember()()
		readSwitch(c, &r.Check, switchKinds, []string{"check"})
	}
	if t.Fence.Slice != "" {
		o.at(o.node, o.path, "cannot be used with cutover.fence.slice: a feed of single slices is not supported", "")
	}
	o.done()
}

// Frozen reports whether legacy must stay as the cutover has left it: after a cutover, if no reverse feed writes it.
func (c *Config) Frozen() bool { return c.PostCutover && !c.Cutover.Reverse.Given() }
