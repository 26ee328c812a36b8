package gate

import (
	"strings"

	"github.com/nordvarg/crosscheck/human"
)

// Fields are the names of the compared fields.
type Fields struct {
	Judged []string `json:"judged_fields"` // by events
	// NotJudged are compared between legacy and projection only. A value that is wrong in the same way on both is not
	// found.
	NotJudged []string `json:"not_judged_fields"`
	// Slice has the conditions that restrict what is compared to a part of the orders; empty if all are compared.
	Slice []Condition `json:"slice,omitempty"`
	// Events is true if there is an event store.
	Events bool `json:"-"`
	// GroupBy is the field by whose values rows are counted; empty for none.
	GroupBy string `json:"-"`
}

// Condition is a condition for the rows of a representation that belong to the slice.
type Condition struct {
	Side  string `json:"side"`
	Where string `json:"where"`
}

// OfSlice is a sentence that says which orders are compared; empty if all are. Representations with the same condition are named
// together.
func (f *Fields) OfSlice() string {
	if f == nil || len(f.Slice) == 0 {
		return ""
	}
	var conditions []string
	sides := map[string][]string{}
	for _, c := range f.Slice {
		if sides[c.Where] == nil {
			conditions = append(conditions, c.Where)
		}
		sides[c.Where] = append(sides[c.Where], c.Side)
	}
	for i, where := range conditions {
		conditions[i] = strings.Join(sides[where], " and ") + " where " + strings.Join(strings.Fields(where), " ")
	}
	return "Only a slice is compared: " + strings.Join(conditions, "; ") + "."
}

// grouping is the field by whose values rows are counted; empty for none.
func (f *Fields) grouping() string {
	if f == nil {
		return "status"
	}
	return f.GroupBy
}

// byGroup is an addition to what was counted.
func (f *Fields) byGroup() string {
	if by := f.grouping(); by != "" {
		return " by " + by
	}
	return ""
}

// groups are a number of groups.
func (f *Fields) groups(n int) string {
	switch by := f.grouping(); by {
	case "":
		return human.Quantity(int64(n), "group", "groups")
	case "status":
		return human.Quantity(int64(n), "status", "statuses")
	default:
		return human.Quantity(int64(n), "value of "+by, "values of "+by)
	}
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
