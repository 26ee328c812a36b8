package order

import (
	"cmp"
	"strings"
)

// ByValue orders keys for people: integers by their value, before all others, which are ordered as text.
func ByValue(a, b Key) int {
	left, right := integer(a), integer(b)
	switch {
	case left != right && left:
		return -1
	case left != right:
		return 1
	case !left:
		return cmp.Compare(a, b)
	}
	negative := strings.HasPrefix(string(a), "-")
	switch other := strings.HasPrefix(string(b), "-"); {
	case negative && !other:
		return -1
	case other && !negative:
		return 1
	case negative:
		a, b = b, a
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// integer is true of an integer as databases print it.
func integer(k Key) bool {
	digits := strings.TrimPrefix(string(k), "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}
