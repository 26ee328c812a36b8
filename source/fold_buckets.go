package source

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// queries returns the statements that select the events of some buckets, in the order of keys. Without an index there is one
// statement for all.
func (f *Fold) queries(r *eventReader, l verify.Layout, buckets []int64) []string {
	of := f.config.Key
	if l.Whole {
		l = verify.Layout{ByBounds: true}
	}
	if l.ByHash {
		return []string{r.query(fmt.Sprintf("%s = ANY('%s'::bigint[])", hashBucket(f.events.keyType, of, l), array(buckets)))}
	}
	if !l.ByBounds {
		if !f.byKey.indexed {
			return []string{r.query(fmt.Sprintf("((%s)::bigint >> %d) = ANY('%s'::bigint[])", of, l.Shift, array(buckets)))}
		}
		low, high := keyRanges(l.Shift, buckets)
		return []string{fmt.Sprintf(`SELECT s.* FROM unnest('%s'::bigint[], '%s'::bigint[]) AS r(low, high) CROSS JOIN LATERAL (%s OFFSET 0) s`,
			array(low), array(high), r.query(fmt.Sprintf("(%[1]s) >= r.low AND (%[1]s) <= r.high", of)))}
	}
	var conditions []string
	for _, run := range runs(buckets) {
		condition := "(" + f.byKey.key + ") IS NOT NULL"
		if run.first > 0 {
			condition += " AND " + f.byKey.key + " >= " + f.bound(l.Bounds[run.first-1])
		}
		if run.last < int64(len(l.Bounds)) {
			condition += " AND " + f.byKey.key + " < " + f.bound(l.Bounds[run.last])
		}
		conditions = append(conditions, "("+condition+")")
	}
	if !f.byKey.indexed {
		conditions = []string{strings.Join(conditions, " OR ")}
	}
	for i, condition := range conditions {
		conditions[i] = r.query("(" + condition + ")")
	}
	return conditions
}

// bound is the SQL of a key that is compared with byKey.
func (f *Fold) bound(key order.Key) string {
	if f.byKey.stored {
		return literal(f.events.config.Strip + string(key))
	}
	return literal(string(key)) + "::" + keyCast(f.events.keyType)
}

func array(list []int64) string {
	text := []byte{'{'}
	for i, n := range list {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, n, 10)
	}
	return string(append(text, '}'))
}

// literal quotes a string for SQL. An escape string does not depend on standard_conforming_strings.
func literal(s string) string {
	return " E'" + strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(s) + "'"
}
