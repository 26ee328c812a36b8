package source

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// once returns the FROM item of the rows that meet a condition, and the side whose key and fields are the columns of that item.
//
// A stored numeric is packed. Each function that looks at one unpacks it into memory of its own, which takes a quarter of a scan where
// signs are tested and numbers hashed. The larger one of a number and -Infinity is the number, unpacked, and OFFSET 0 keeps the
// planner from putting it back where it is used.
func (s *Side) once(h verify.Hash, condition string) (side *Side, from string) {
	if h.Portable || signs(s.config.Fields, h) == "" {
		return s, fmt.Sprintf("%s WHERE %s", s.from(), condition)
	}
	read := *s
	read.config.Key, read.config.Fields = "k", slices.Clone(s.config.Fields)
	columns := []string{fmt.Sprintf("(%s) AS k", s.config.Key)}
	for i, f := range s.config.Fields {
		value, name := canonical(f), fmt.Sprintf("v%d", i)
		if f.Type == order.Numeric {
			value = fmt.Sprintf("numeric_larger(%s, '-Infinity')", value)
		}
		columns = append(columns, value+" AS "+name)
		read.config.Fields[i].Expr = name
	}
	return &read, fmt.Sprintf("(SELECT %s FROM %s WHERE %s OFFSET 0) AS t", strings.Join(columns, ", "), s.from(), condition)
}

// digest is the SQL of the digest of one of the side's rows.
func (s *Side) digest(h verify.Hash) string {
	return s.unequal(rowDigest(s.shape.keyType, s.config.Key, s.config.Fields, h), h.Seed)
}
