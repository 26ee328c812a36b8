package verify

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// pick takes a small part of a bucket: a second-level bucket if there are any.
func (w *walk) pick(number int64) (Layout, []int64) {
	switch {
	case w.layout.ByBounds && w.keyType == order.KeyUUID && number > 0 && number < int64(len(w.layout.Bounds)):
		bounds := within(w.layout.Bounds[number-1], w.layout.Bounds[number], uint64(w.p.c.Random.Int64N(pickedParts)))
		return Layout{ByBounds: true, Bounds: bounds}, []int64{1}
	case w.layout.ByBounds || w.layout.Shift <= refineBits:
		return w.layout, []int64{number}
	}
	fine := Layout{Shift: w.layout.Shift - refineBits}
	return fine, []int64{number<<refineBits + w.p.c.Random.Int64N(1<<refineBits)}
}

// pickedParts is into how many parts a range of uuids is divided, of which one is picked.
const pickedParts = 16

// within returns the bounds of a part of a range of uuids. They are never outside of the range, which may be too narrow to divide.
func within(low, high order.Key, part uint64) []order.Key {
	from, err := firstHalf(low)
	to, err2 := firstHalf(high)
	if err != nil || err2 != nil || to <= from || to-from < pickedParts {
		return []order.Key{low, high}
	}
	step := (to - from) / pickedParts
	bounds := []order.Key{low, uuidFrom(from + (part+1)*step)}
	if part > 0 {
		bounds[0] = uuidFrom(from + part*step)
	}
	return bounds
}

// firstHalf are the first 64 bits of a uuid.
func firstHalf(uuid order.Key) (uint64, error) {
	digits := strings.ReplaceAll(string(uuid), "-", "")
	return strconv.ParseUint(digits[:min(len(digits), 16)], 16, 64)
}

func uuidFrom(half uint64) order.Key {
	return order.Key(fmt.Sprintf("%08x-%04x-%04x-0000-000000000000", half>>32, half>>16&0xffff, half&0xffff))
}
