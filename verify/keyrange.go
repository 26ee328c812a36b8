package verify

import "github.com/nordvarg/crosscheck/order"

// KeyRange is a part of the key space: the keys from From on and below Below, in the order in which sides stream keys (integers
// by value, the others by bytes). An empty end is no end. Rows without a key belong to the range without From.
//
// Ranges of which each begins where the one before it ends, the first without From and the last without Below, hold
// every row exactly once, whatever keys appear.
type KeyRange struct{ From, Below order.Key }

// Whole returns true for the range of everything.
func (r KeyRange) Whole() bool { return r == KeyRange{} }

// Has returns true for a key of the range.
func (r KeyRange) Has(t order.KeyType, key order.Key) bool {
	compare := keyOrder(t)
	return (r.From == "" || compare(key, r.From) >= 0) && (r.Below == "" || compare(key, r.Below) < 0)
}
