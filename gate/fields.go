package gate

import "strings"

// Fields are the names of the compared fields.
type Fields struct {
	Judged []string `json:"judged_fields"` // by events
	// NotJudged are compared between legacy and projection only: what is wrong in the same way on both is not seen.
	NotJudged []string `json:"not_judged_fields"`
	// Events is true where there is an event store that could judge.
	Events bool `json:"-"`
}

// Unjudged is a sentence that names what events do not judge although there are events; empty where there is nothing to name.
func (f *Fields) Unjudged() string {
	if f == nil || !f.Events || len(f.NotJudged) == 0 {
		return ""
	}
	return "Not judged by events, and compared between legacy and projection only: " + strings.Join(f.NotJudged, ", ") + "."
}

// named adds that sentence to the reason of a result that rests on events.
func (f *Fields) named(r Result) Result {
	if unjudged := f.Unjudged(); unjudged != "" {
		r.Reason += " " + unjudged
	}
	return r
}
