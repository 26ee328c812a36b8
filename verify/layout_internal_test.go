package verify

import (
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
)

func between(from, to, rows int64) Extent {
	return Extent{Min: order.Key(strconv.FormatInt(from, 10)), Max: order.Key(strconv.FormatInt(to, 10)), Rows: rows}
}

func TestSpanIsExact(t *testing.T) {
	for _, test := range []struct {
		legacy, projection Extent
		want               uint64
	}{
		{between(1, 10, 5), between(3, 12, 5), 11},
		{between(math.MinInt64, math.MaxInt64, 5), between(0, 0, 1), math.MaxUint64},
		{between(-5, -5, 1), Extent{Empty: true}, 0},
		{Extent{Empty: true}, between(-5, 5, 1), 10},
		{between(math.MinInt64, math.MinInt64, 1), between(math.MaxInt64, math.MaxInt64, 1), math.MaxUint64},
	} {
		if got, err := span(test.legacy, test.projection); err != nil || got != test.want {
			t.Errorf("%+v and %+v: span is %d, %v", test.legacy, test.projection, got, err)
		}
	}
	if _, err := span(Extent{Min: "x", Max: "1"}, Extent{Empty: true}); err == nil {
		t.Error("a key that is no integer has a span")
	}
}

// TestShiftBoundsTheBuckets for every span that arithmetic cuts, whatever the estimate of the rows.
func TestShiftBoundsTheBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.Uint64Range(1, 1<<53).Draw(t, "rows")
		limit := uint64(math.MaxUint64)
		if rows < math.MaxUint64/sparse {
			limit = rows * sparse
		}
		span := rapid.Uint64Range(0, limit).Draw(t, "span")
		s := shift(span, rows)
		if s > 63 {
			t.Fatalf("shift by %d, which PostgreSQL takes modulo 64", s)
		}
		if buckets := span >> s; buckets > maxBuckets {
			t.Errorf("%d buckets", buckets)
		}
		// Half of what is wanted is the least: widths are powers of two.
		if want := min(rows/rowsPerBucket, maxBuckets, span); s > 0 && span>>s+1 < want/2 {
			t.Errorf("%d buckets for %d rows over %d keys", span>>s+1, rows, span)
		}
	})
}
