package certificate

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// appendText appends a text with its length before it.
func appendText[T ~string | ~[]byte](to []byte, text T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// appendLeaf appends an order: its key as a text, and for each field 0 for NULL, or 1 and the text.
func appendLeaf(to []byte, r order.Row) ([]byte, error) {
	to = appendText(to, r.Key)
	for _, v := range r.Values {
		switch {
		case v.Failed:
			return to, fmt.Errorf("%w: %s: %s", ErrOrder, r.Key, v.Text)
		case v.Null:
			to = append(to, 0)
		default:
			to = appendText(append(to, 1), v.Text)
		}
	}
	return to, nil
}

// cursor reads what append has written. What is not of that form makes it bad.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) number() uint64 {
	n, size := binary.Uvarint(c.rest)
	if size <= 0 {
		c.bad, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[size:]
	return n
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.bad, c.rest = true, nil
		return nil
	}
	out := c.rest[:n]
	c.rest = c.rest[n:]
	return out
}

func (c *cursor) text() string { return string(c.bytes(c.number())) }

// readLeaf reads an order of some fields.
func readLeaf(leaf []byte, fields int) (r order.Row, ok bool) {
	c := cursor{rest: leaf}
	r.Key = order.Key(c.text())
	for range fields {
		switch c.number() {
		case 0:
			r.Values = append(r.Values, order.Null)
		case 1:
			r.Values = append(r.Values, order.Value{Text: c.text()})
		default:
			return r, false
		}
	}
	return r, !c.bad && len(c.rest) == 0
}

// compareKeys is the order of the leaves: integers by value, all other keys by bytes.
func compareKeys(t order.KeyType, a, b order.Key) int {
	if t == order.KeyInteger {
		m, errA := strconv.ParseInt(string(a), 10, 64)
		n, errB := strconv.ParseInt(string(b), 10, 64)
		if errA == nil && errB == nil {
			return cmp.Compare(m, n)
		}
	}
	return strings.Compare(string(a), string(b))
}
