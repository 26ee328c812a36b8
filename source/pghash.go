package source

import (
	"encoding/binary"
	"math/bits"
)

// PostgreSQL's own hash functions, for digests of rows that no server holds: Bob Jenkins's lookup3 as in
// src/common/hashfn.c on a little-endian machine, and the functions of the types. Each pass checks first whether a
// server agrees (see Fold.Probe). If it does not, the portable digest is used.

// lookup3 is the state of a hash.
type lookup3 struct{ a, b, c uint32 }

func newLookup3(size int, seed uint64) lookup3 {
	x := 0x9e3779b9 + uint32(size) + 3923095
	s := lookup3{x, x, x}
	if seed != 0 {
		s.a += uint32(seed >> 32)
		s.b += uint32(seed)
		s.mix()
	}
	return s
}

func (s *lookup3) mix() {
	a, b, c := s.a, s.b, s.c
	a, c = (a-c)^bits.RotateLeft32(c, 4), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 6), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 8), b+a
	a, c = (a-c)^bits.RotateLeft32(c, 16), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 19), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 4), b+a
	s.a, s.b, s.c = a, b, c
}

func (s *lookup3) final() int64 {
	a, b, c := s.a, s.b, s.c
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	c = (c ^ b) - bits.RotateLeft32(b, 24)
	return int64(uint64(b)<<32 | uint64(c))
}

// hashBytes is hash_bytes_extended, for text under the C collation and for a uuid's bytes.
func hashBytes(k []byte, seed int64) int64 {
	s := newLookup3(len(k), uint64(seed))
	for ; len(k) >= 12; k = k[12:] {
		s.a += binary.LittleEndian.Uint32(k)
		s.b += binary.LittleEndian.Uint32(k[4:])
		s.c += binary.LittleEndian.Uint32(k[8:])
		s.mix()
	}
	// The lowest byte of c is reserved for the length.
	var rest [12]byte
	copy(rest[:8], k)
	if len(k) > 8 {
		copy(rest[9:], k[8:])
	}
	s.a += binary.LittleEndian.Uint32(rest[:])
	s.b += binary.LittleEndian.Uint32(rest[4:])
	s.c += binary.LittleEndian.Uint32(rest[8:])
	return s.final()
}

// hashUint32 is hash_bytes_uint32_extended, for an int4.
func hashUint32(k uint32, seed int64) int64 {
	s := newLookup3(4, uint64(seed))
	s.a += k
	return s.final()
}

// hashInt64 is hashint8extended, for a bigint and for a timestamptz in microseconds since 2000.
func hashInt64(n, seed int64) int64 {
	low, high := uint32(n), uint32(n>>32)
	if n < 0 {
		high = ^high
	}
	return hashUint32(low^high, seed)
}

// numeral is a numeric in the form for its hash.
type numeral struct {
	digits    []byte // in base 10000, two bytes each with the lower one first, zeros at both ends cut off
	weight    int    // of the first digit
	negative  bool
	infinite  bool
	undefined bool // NaN
}

// hashNumeric is hash_numeric_extended.
func hashNumeric(n *numeral, seed int64) int64 {
	switch {
	case n.infinite || n.undefined:
		return seed
	case len(n.digits) == 0:
		return seed - 1
	}
	return hashBytes(n.digits, seed) ^ int64(n.weight)
}

// set sets a number that is not negative. The scale must be a multiple of four.
func (n *numeral) set(coefficient uint64, scale int) {
	*n = numeral{digits: n.digits[:0], weight: -scale / 4}
	for ; coefficient != 0 && coefficient%10000 == 0; coefficient /= 10000 {
		n.weight++
	}
	var groups [5]uint16
	i := len(groups)
	for ; coefficient != 0; coefficient /= 10000 {
		i--
		groups[i] = uint16(coefficient % 10000)
	}
	n.weight += len(groups) - i - 1
	for _, group := range groups[i:] {
		n.digits = binary.LittleEndian.AppendUint16(n.digits, group)
	}
}

// parse reads a number as PostgreSQL prints it; false for other text.
func (n *numeral) parse(text []byte) bool {
	*n = numeral{digits: n.digits[:0]}
	switch string(text) {
	case "NaN":
		n.undefined = true
		return true
	case "Infinity", "-Infinity":
		n.infinite, n.negative = true, text[0] == '-'
		return true
	}
	if len(text) > 0 && text[0] == '-' {
		n.negative, text = true, text[1:]
	}
	whole, point := len(text), false
	for i, c := range text {
		switch {
		case c == '.' && !point && i > 0:
			whole, point = i, true
		case c < '0' || c > '9':
			return false
		}
	}
	if whole == 0 || point && whole == len(text)-1 {
		return false
	}
	n.groups(text, whole)
	n.negative = n.negative && len(n.digits) > 0
	return true
}

// groups takes the digits of a number of that many digits before its point.
func (n *numeral) groups(text []byte, whole int) {
	digit := func(i int) uint16 { // the i-th after the point, from 0; those before it are negative
		at := whole + i
		if i >= 0 {
			at++
		}
		if at < 0 || at >= len(text) {
			return 0
		}
		return uint16(text[at] - '0')
	}
	first, end := -(whole+3)/4, (len(text)-whole+2)/4
	last := 0
	for g := first; g < end; g++ {
		group := digit(4*g)*1000 + digit(4*g+1)*100 + digit(4*g+2)*10 + digit(4*g+3)
		if len(n.digits) == 0 {
			if group == 0 {
				continue
			}
			n.weight = -g - 1
		}
		n.digits = binary.LittleEndian.AppendUint16(n.digits, group)
		if group != 0 {
			last = len(n.digits)
		}
	}
	n.digits = n.digits[:last]
}
