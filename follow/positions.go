package follow

import (
	"math"
	"math/bits"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

const (
	bucketShift = 12
	bucketWidth = 1 << bucketShift
)

func bucketOf(p order.Position) int64 { return int64(p) >> bucketShift }

func firstOf(bucket int64) order.Position { return order.Position(bucket << bucketShift) }

func lastOf(bucket int64) order.Position { return firstOf(bucket) + bucketWidth - 1 }

func (b *Bucket) has(p order.Position) bool { return hasBit(b.Seen, p) }

// SetLost notes that a position was reported as lost.
func (b *Bucket) SetLost(p order.Position) {
	if b.Lost == nil {
		b.Lost = make([]byte, bucketWidth/8)
	}
	setBit(b.Lost, p)
}

// hasBit returns false for every position if there are no bits.
func hasBit(set []byte, p order.Position) bool {
	i := int64(p) & (bucketWidth - 1)
	return i/8 < int64(len(set)) && set[i/8]&(1<<(i%8)) != 0
}

func setBit(set []byte, p order.Position) {
	i := int64(p) & (bucketWidth - 1)
	set[i/8] |= 1 << (i % 8)
}

func clearBit(set []byte, p order.Position) {
	if hasBit(set, p) {
		i := int64(p) & (bucketWidth - 1)
		set[i/8] &^= 1 << (i % 8)
	}
}

// countSeen counts the positions from..to of a bucket that were seen, and sums up their mixes.
func (b *Bucket) countSeen(bucket int64, from, to order.Position) PositionCount {
	n := PositionCount{Bucket: bucket}
	for i, set := range b.Seen {
		for ; set != 0; set &= set - 1 {
			p := firstOf(bucket) + order.Position(i*8+bits.TrailingZeros8(set))
			if p >= from && p <= to {
				n.Events++
				n.Sum = AddPosition(n.Sum, p)
			}
		}
	}
	return n
}

// newest returns the highest position of a bucket that was seen; NoPosition if none was.
func (b *Bucket) newest(bucket int64) order.Position {
	for i, set := range slices.Backward(b.Seen) {
		if set != 0 {
			return firstOf(bucket) + order.Position(i*8+bits.Len8(set)-1)
		}
	}
	return order.NoPosition
}

// AddPosition adds a position to the sum of a set. Equal sets have equal sums in any order. Unequal sets with the same
// number of members have equal sums only by chance, once in 2^63.
//
// The sum is that of PostgreSQL's hashint8extended(position, 0), modulo 2^63. A server computes it faster than any
// other function that is not linear, and it will not change, because hash partitions are made with it. Within a bucket
// it is one to one: it folds the upper half of a position onto the lower one, and the upper halves are the same.
func AddPosition(sum uint64, p order.Position) uint64 { return (sum + mixed(p)) & math.MaxInt64 }

// mixed is hashint8extended(p, 0): the last round of Bob Jenkins' lookup3 over the folded halves.
func mixed(p order.Position) uint64 {
	low, high := uint32(p), uint32(p>>32) //nolint:gosec // the halves
	if p < 0 {
		high = ^high
	}
	const start = 0x9e3779b9 + 4 + 3923095
	a, b, c := start+(low^high), uint32(start), uint32(start)
	rotate := bits.RotateLeft32
	c = (c ^ b) - rotate(b, 14)
	a = (a ^ c) - rotate(c, 11)
	b = (b ^ a) - rotate(a, 25)
	c = (c ^ b) - rotate(b, 16)
	a = (a ^ c) - rotate(c, 4)
	b = (b ^ a) - rotate(a, 14)
	c = (c ^ b) - rotate(b, 24)
	return uint64(b)<<32 | uint64(c)
}

// plus returns the count of two disjoint sets of positions of one bucket.
func (n PositionCount) plus(m PositionCount) PositionCount {
	return PositionCount{Bucket: m.Bucket, Events: n.Events + m.Events, Sum: (n.Sum + m.Sum) & math.MaxInt64}
}

// minus returns the rest of a count without a part of it.
func (n PositionCount) minus(part PositionCount) PositionCount {
	return PositionCount{Bucket: n.Bucket, Events: n.Events - part.Events, Sum: (n.Sum - part.Sum) & math.MaxInt64}
}
