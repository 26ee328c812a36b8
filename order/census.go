package order

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Census counts by type how many of some events or messages can be read and folded. The zero value is empty.
type Census struct {
	types map[string]*Counted
}

// Counted is what is known of the events of one type.
type Counted struct {
	Type string // as the store calls it; empty if it is not known
	All  int
	// Ignored are passed over on purpose; Read can be decoded; Folded can be applied to their order too, without a finding.
	Ignored, Read, Folded int
	// Unnamed is true for a type that has no rule.
	Unnamed bool
	// First is why the first one cannot be read, or else why the first one cannot be folded; empty if all can be.
	First string
}

// Ignore counts events that are passed over.
func (c *Census) Ignore(eventType string, n int) {
	t := c.of(eventType)
	t.All += n
	t.Ignored += n
}

// Add counts one event. The error is that of decoding; the problem is what its order's fold says about it.
func (c *Census) Add(eventType string, decoding error, problem string) {
	t := c.of(eventType)
	unread := t.Unread()
	t.All++
	schema, ok := errors.AsType[*SchemaError](decoding)
	switch {
	case decoding == nil:
		t.Read++
	case !ok:
		problem = decoding.Error()
	case schema.Harmless():
		t.Read++
		problem = cmp.Or(problem, schema.Detail)
	default:
		problem = schema.Detail
		t.Unnamed = t.Unnamed || schema.Kind == UnknownType
	}
	if problem == "" {
		t.Folded++
	}
	if t.First == "" || t.Unread() > unread && unread == 0 {
		t.First = problem
	}
}

func (c *Census) of(eventType string) *Counted {
	if c.types == nil {
		c.types = map[string]*Counted{}
	}
	t := c.types[eventType]
	if t == nil {
		t = &Counted{Type: eventType}
		c.types[eventType] = t
	}
	return t
}

// Types are sorted: those with the most events first.
func (c *Census) Types() []Counted {
	out := make([]Counted, 0, len(c.types))
	for _, t := range c.types {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Counted) int { return cmp.Or(b.All-a.All, cmp.Compare(a.Type, b.Type)) })
	return out
}

// Total sums all types. First is that of the type with the most events that cannot be read.
func (c *Census) Total() Counted {
	var sum, worst Counted
	for _, t := range c.Types() {
		sum.All += t.All
		sum.Ignored += t.Ignored
		sum.Read += t.Read
		sum.Folded += t.Folded
		if t.Unread() > worst.Unread() {
			worst = t
		}
	}
	sum.First = worst.First
	return sum
}

// Gap says by type what cannot be read or folded; empty if all can be. What they are called is "events" or "messages".
func (c *Census) Gap(called string) string {
	t := c.Total()
	var said []string
	for _, of := range c.Types() {
		if problems := of.Read - of.Folded; of.Unread() > 0 {
			said = append(said, fmt.Sprintf("%s: %d of %d cannot be read, the first because %s", of.shown(), of.Unread(), of.All, of.First))
		} else if problems > 0 {
			said = append(said, fmt.Sprintf("%s: %d of %d have a problem, the first: %s", of.shown(), problems, of.All, of.First))
		}
	}
	if len(said) == 0 {
		return ""
	}
	if more := len(said) - gapTypes; more > 0 {
		said = append(said[:gapTypes], fmt.Sprintf("%d more types", more))
	}
	summary := fmt.Sprintf("%d of the newest %d %s cannot be read", t.Unread(), t.All-t.Ignored, called)
	if problems := t.Read - t.Folded; problems > 0 {
		summary += fmt.Sprintf(", and %d have a problem", problems)
	}
	return summary + ". " + strings.Join(said, "; ")
}

// gapTypes is how many types Gap names.
const gapTypes = 5

func (t Counted) shown() string {
	if t.Type == "" {
		return "without a type"
	}
	return fmt.Sprintf("%.60s", t.Type)
}

// Unread is how many cannot be read, and are not ignored.
func (t Counted) Unread() int { return t.All - t.Ignored - t.Read }

// Unusable says why nothing that is made from these events can be judged: most of them cannot be read. It is empty
// otherwise. What they are called is "events" or "messages".
func (c *Census) Unusable(called string) string {
	t := c.Total()
	if 2*t.Unread() <= t.All-t.Ignored {
		return ""
	}
	return fmt.Sprintf("%d of the newest %d %s cannot be read, the first because %s", t.Unread(), t.All-t.Ignored, called, t.First)
}
