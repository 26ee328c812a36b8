package verify

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

const (
	// rowsPerBucket is the intended size of a bucket of the first level: small enough to be read again cheaply if it
	// differs, and large enough that the buckets of both sides fit into memory.
	rowsPerBucket = 1024
	// maxBuckets limits the memory of a digest, on the server and here, for tables of any size.
	maxBuckets = 16_384
	// refineBits makes buckets 128 times smaller at the second level: reading a few dozen rows finds one order.
	refineBits = 7
	// sparse is how many possible integer keys there may be for one order before arithmetic cuts too unevenly.
	sparse = 1024
)

// layout cuts the key space of both sides. Its estimates influence only the speed.
func layout(ctx context.Context, keyType order.KeyType, hash Hash, s snapshots, legacy, projection Extent) (Layout, error) {
	larger, e := s.legacy, legacy
	if projection.Rows > legacy.Rows {
		larger, e = s.projection, projection
	}
	if keyType == order.KeyInteger {
		span, err := span(legacy, projection)
		if err != nil {
			return Layout{}, err
		}
		if span/uint64(e.Rows) <= sparse {
			return Layout{Shift: shift(span, uint64(e.Rows))}, nil
		}
	}
	if keyType == order.KeyText {
		return Layout{ByHash: true, Bits: hashBits(uint64(e.Rows)), Hash: hash}, nil
	}
	bounds, err := larger.Bounds(ctx, e)
	if err != nil {
		return Layout{}, err
	}
	return Layout{ByBounds: true, Bounds: thin(bounds, e.Rows)}, nil
}

// span is the number of possible keys between the smallest and the largest of both sides, less one.
func span(legacy, projection Extent) (uint64, error) {
	low, high, err := ends(legacy, projection)
	return uint64(high) - uint64(low), err // exact even if high-low overflows an int64
}

// ends are the smallest and the largest integer key of both sides.
func ends(legacy, projection Extent) (low, high int64, err error) {
	for i, e := range nonEmpty(legacy, projection) {
		from, err := strconv.ParseInt(string(e.Min), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading the smallest key: %w", err)
		}
		to, err := strconv.ParseInt(string(e.Max), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading the largest key: %w", err)
		}
		if i == 0 {
			low, high = from, to
		}
		low, high = min(low, from), max(high, to)
	}
	return low, high, nil
}

func nonEmpty(extents ...Extent) []Extent {
	return slices.DeleteFunc(extents, func(e Extent) bool { return e.Empty })
}

// shift gives buckets of about rowsPerBucket orders, and at most maxBuckets of them.
func shift(span, rows uint64) uint {
	buckets := min(max(rows/rowsPerBucket, 1), maxBuckets)
	return uint(bits.Len64(span / buckets))
}

// hashBits gives buckets of about rowsPerBucket orders, and at most maxBuckets of them.
func hashBits(rows uint64) uint {
	return uint(bits.Len64(min(max(rows/rowsPerBucket, 1), maxBuckets-1)))
}

// thin keeps every n-th bound, so that a small table is not cut to single orders.
func thin(bounds []order.Key, rows int64) []order.Key {
	const rowsPerPart = 1024
	want := max(int(rows/rowsPerPart), 1)
	if len(bounds) <= want {
		return bounds
	}
	out := make([]order.Key, 0, want)
	for i := range want {
		out = append(out, bounds[i*len(bounds)/want])
	}
	return out
}

// keyOrder orders keys as the sides stream them: integers by value, all others by bytes. The server prints its own integers, so
// the longer of two is larger.
func keyOrder(t order.KeyType) func(a, b order.Key) int {
	if t != order.KeyInteger {
		return func(a, b order.Key) int { return strings.Compare(string(a), string(b)) }
	}
	return func(a, b order.Key) int {
		if !strings.HasPrefix(string(a), "-") && !strings.HasPrefix(string(b), "-") {
			return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(string(a), string(b)))
		}
		x, _ := strconv.ParseInt(string(a), 10, 64)
		y, _ := strconv.ParseInt(string(b), 10, 64)
		return cmp.Compare(x, y)
	}
}
