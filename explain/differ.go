package explain

import (
	"slices"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Shown are the representations that the report has something of, in the order in which they are shown.
func (r Report) Shown() []order.Representation {
	return slices.DeleteFunc(order.Representations(), func(n order.Representation) bool { _, ok := r.Representations[n]; return !ok })
}

// Incomplete returns true for a representation that was not read to its end. It does not differ.
func (r Report) Incomplete(n order.Representation) bool {
	return n == order.Stream && (r.Topic == nil || !r.Topic.Complete)
}

// Differ returns true if the representations disagree in a field, or one does not have the order. Numbers with another scale differ
// only in text.
func (r Report) Differ(field string) bool {
	var first *string
	seen := false
	for _, n := range r.Shown() {
		if r.Incomplete(n) {
			continue
		}
		values := r.Representations[n]
		if values == nil {
			return true
		}
		v, ok := values[field]
		if !ok {
			continue
		}
		if seen && !Same(first, v) {
			return true
		}
		first, seen = v, true
	}
	return false
}

// Same compares two values as they are shown; nil is NULL.
func Same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	field := order.Field{Type: order.Numeric}
	return *a == *b || compare.Equal(field, order.Value{Text: *a}, order.Value{Text: *b})
}
