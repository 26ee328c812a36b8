package source

import (
	"crypto/md5" // the portable digest is PostgreSQL's md5(), against accidents and not against attacks
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// cell is a value of a row that is digested here. Its buffers are used again for the next row.
type cell struct {
	null   bool
	alien  bool    // text that is not a value of the field's type, so no row of a table holds it
	text   []byte  // as PostgreSQL prints it; of numerics and timestamps for the portable digest alone
	n      int64   // of integer and boolean; of timestamptz microseconds since 2000
	number numeral // of numeric
}

// cellKey is an order's key.
type cellKey struct {
	null bool
	n    int64  // of an integer
	text []byte // of all others
}

// rowHash is rowDigest in Go: the same number for the same row.
type rowHash struct {
	keyType order.KeyType
	fields  []order.Field
	hash    verify.Hash

	numerics, others, timestamps []int // indexes of fields, in the order in which they are hashed
	null                         cell  // the value that replaces NULL
	nullUUID                     [16]byte
	nullTime                     int64 // in microseconds since 2000
}

func newRowHash(t order.KeyType, fields []order.Field, h verify.Hash) *rowHash {
	r := &rowHash{keyType: t, fields: fields, hash: h}
	for i, f := range fields {
		switch f.Type {
		case order.Timestamptz:
			r.timestamps = append(r.timestamps, i)
		case order.Numeric:
			r.numerics = append(r.numerics, i)
		default:
			r.others = append(r.others, i)
		}
	}
	a, b := nullSeeds(h.Seed)
	r.null.text = fmt.Appendf(nil, "null %016x%016x", a, b)
	r.null.n, r.nullTime = int64(a), nullMicros(a)
	r.null.number.parse([]byte(newNulls(h.Seed).numeric))
	binary.BigEndian.PutUint64(r.nullUUID[:], a)
	binary.BigEndian.PutUint64(r.nullUUID[8:], b)
	return r
}

// row returns the digest of a row whose key is not NULL.
func (r *rowHash) row(key cellKey, cells []cell) int64 {
	if r.hash.Portable {
		return r.portable(key, cells)
	}
	chain := r.key(key) ^ r.signs(cells)
	if r.hash.WholeTimes {
		chain = r.wholeTimes(cells, chain)
	} else {
		chain = r.times(cells, chain)
	}
	for i, f := range r.numerics {
		if i > 0 {
			chain ^= mix(uint64(i)) | 1
		}
		chain = r.chained(f, &cells[f], chain)
	}
	for _, f := range r.others {
		chain = r.chained(f, &cells[f], chain)
	}
	if len(r.others) == 0 {
		chain = hashUint32(1, chain)
	}
	return chain
}

func (r *rowHash) key(key cellKey) int64 {
	switch r.keyType {
	case order.KeyUUID:
		return hashUUID(key.text, r.hash.Seed)
	case order.KeyText:
		return hashBytes(key.text, r.hash.Seed)
	default:
		return key.n ^ r.hash.Seed
	}
}

// alienSeed separates values that are not of their field's type.
const alienSeed = 0x616c69656e

func (r *rowHash) chained(field int, c *cell, seed int64) int64 {
	if c.alien {
		return hashBytes(c.text, seed^alienSeed)
	}
	of := c
	if c.null {
		of = &r.null
	}
	switch r.fields[field].Type {
	case order.Numeric:
		return hashNumeric(&of.number, seed)
	case order.Integer:
		shifted := c.n << 1
		if c.null {
			shifted = 1 << 1
		}
		return hashInt64(of.n, seed^shifted)
	case order.Boolean:
		if c.null {
			return hashUint32(2, seed)
		}
		return hashUint32(uint32(c.n), seed)
	case order.UUID:
		if c.null {
			return hashBytes(r.nullUUID[:], seed)
		}
		return hashUUID(c.text, seed)
	default:
		return hashBytes(of.text, seed)
	}
}

// signs does what signs in expr.go does.
func (r *rowHash) signs(cells []cell) (out int64) {
	for i := range cells {
		if c := &cells[i]; r.fields[i].Type == order.Numeric && !c.null && !c.alien {
			switch {
			case c.number.negative && slices.Contains(r.hash.Unsigned, r.fields[i].Name):
			case c.number.negative:
				out ^= mix(uint64(i) + 1)
			case c.number.infinite:
				out ^= mix(uint64(i) + 1<<32)
			}
		}
	}
	return out
}

const (
	hour      = 3600 * 1_000_000
	unixEpoch = -946_684_800_000_000 // of PostgreSQL's time, in microseconds
)

// times does what timestamps in expr.go does.
func (r *rowHash) times(cells []cell, chain int64) int64 {
	for _, f := range r.timestamps {
		at := cells[f].n
		begun := hourOf(at)
		if cells[f].null {
			at, begun = r.nullTime, r.nullTime
		}
		chain = hashInt64(at, hashInt64(begun, chain))
	}
	return chain
}

// hourOf is when the hour of a time began. Infinity has none, and stays as it is.
func hourOf(micros int64) int64 {
	if micros == infinity || micros == -infinity-1 {
		return micros
	}
	rest := micros % hour
	if rest < 0 {
		rest += hour
	}
	return micros - rest
}

// wholeTimes does what wholeTimestamps in expr.go does.
func (r *rowHash) wholeTimes(cells []cell, chain int64) int64 {
	for _, f := range r.timestamps {
		if cells[f].null {
			chain = hashBytes(r.null.text, chain)
			continue
		}
		var sent [8]byte
		binary.BigEndian.PutUint64(sent[:], uint64(cells[f].n))
		chain = hashBytes(sent[:], chain)
	}
	return chain
}

// infinity is PostgreSQL's last timestamp; its negation less one is the first.
const infinity = 1<<63 - 1

// hashUUID hashes the bytes of a uuid's text.
func hashUUID(text []byte, seed int64) int64 {
	var raw [16]byte
	var digits [32]byte
	n := 0
	for _, c := range text {
		if c != '-' && n < len(digits) {
			digits[n] = c
			n++
		}
	}
	if _, err := hex.Decode(raw[:], digits[:n]); err != nil || n != len(digits) {
		return hashBytes(text, seed^alienSeed)
	}
	return hashBytes(raw[:], seed)
}

// portable does what portableDigest in expr.go does.
func (r *rowHash) portable(key cellKey, cells []cell) int64 {
	all := strconv.AppendInt(nil, r.hash.Seed, 10)
	add := func(text string) { all = fmt.Appendf(all, "%d:%s", len(text), text) }
	if r.keyType == order.KeyInteger {
		add(strconv.FormatInt(key.n, 10))
	} else {
		add(string(key.text))
	}
	for i := range cells {
		text := string(cells[i].text)
		if r.fields[i].Type == order.Numeric && strings.Contains(text, ".") {
			text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
		}
		if cells[i].null {
			all = append(all, 'N')
			continue
		}
		add(text)
	}
	sum := md5.Sum(all)
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// probeCells are the rows of probeValues.
func probeCells() []probeRow {
	const first, one, last = "00000000-0000-0000-0000-000000000001", "2024-01-01 00:00:00.000001+00", "ffffffff-ffff-ffff-ffff-ffffffffffff"
	const at = 757_382_400_000_001 // of that time
	return []probeRow{
		{1, probed("OPEN", "5", 1, true, at, one, first, "2024-01-01")},
		{1, probed("OPEN", "5.00", 1, true, at, one, first, "2024-01-01")},
		{2, probed("OPEN", "-5", 1, true, at, one, first, "2024-01-01")},
		{3, probed("OPEN", "5", 4294967296, true, at, one, first, "2024-01-01")},
		{4, []cell{{null: true}, {null: true}, {null: true}, {null: true}, {null: true}, {null: true}, {null: true}}},
		{5, probed("", "0", 0, false, infinity, "infinity", last, "infinity")},
		{6, probed("plain text, and longer", "NaN", -1, false, -infinity-1, "-infinity", last, "-infinity")},
		{7, probed("x", "123456789012345678901234567890.000000001", 9223372036854775807, false, unixEpoch-1, "1969-12-31 23:59:59.999999+00", last, "0001-01-01")},
		{8, probed("x", "1", 1, false, 1, "2000-01-01 00:00:00.000001+00", last, "2024-01-01")},
		{8, probed("x", "1", 1, false, 1<<32, "2000-01-01 01:11:34.967296+00", last, "2024-01-01")},
	}
}

type probeRow struct {
	key   int64
	cells []cell
}

func probed(text, numeric string, integer int64, boolean bool, micros int64, at, uuid, date string) []cell {
	cells := []cell{
		{text: []byte(text)},
		{text: []byte(numeric)},
		{n: integer, text: strconv.AppendInt(nil, integer, 10)},
		{text: strconv.AppendBool(nil, boolean)},
		{n: micros, text: []byte(at)},
		{text: []byte(uuid)},
		{text: []byte(date)},
	}
	cells[1].number.parse(cells[1].text)
	if boolean {
		cells[3].n = 1
	}
	return cells
}
