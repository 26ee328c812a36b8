package gate

import "strings"

// Fields are the names of the compared fields.
type Fields struct {
	Judged []string `json:"judged_fields"` // by events
	// NotJudged are compared between legacy and projection only. A value that is wrong in the same way on both is not
	// found.
	NotJudged []string `json:"not_judged_fields"`
	// Events is true if there is an event store.
	Events bool `json:"-"`
}

// Unjudged is a sentence that names the fields that events do not judge. It is empty if there are none or no event
// store.
func (f *Fields) Unjudged() string {
	if f == nil || !f.Events || len(f.NotJudged) == 0 {
		return ""
	}
	return "Not judged by events, and compared between legacy and projection only: " + strings.Join(f.NotJudged, ", ") + "."
}

// named adds that sentence to the reason of a result that depends on events.
func (f *Fields) named(r Result) Result {
	if unjudged := f.Unjudged(); unjudged != "" {
		r.Reason += " " + unjudged
	}
	return r
}
