package ledger

import (
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// jsonText reads JSON as a server prints it. It leaves all that is not simple to encoding/json, which takes several times as
// long.
type jsonText struct {
	rest string
	odd  bool // the rest was not understood
}

// next passes over spaces and a sign; false if there is another.
func (j *jsonText) next(sign byte) bool {
	j.rest = strings.TrimLeft(j.rest, " ")
	if j.rest == "" || j.rest[0] != sign {
		return false
	}
	j.rest = j.rest[1:]
	return true
}

func (j *jsonText) must(sign byte) { j.odd = !j.next(sign) || j.odd }

// each calls fn for all members between two signs.
func (j *jsonText) each(open, end byte, fn func()) {
	j.must(open)
	if j.next(end) {
		return
	}
	for !j.odd {
		fn()
		if !j.next(',') {
			break
		}
	}
	j.must(end)
}

func (j *jsonText) object(fn func(name string)) {
	j.each('{', '}', func() {
		name := j.text()
		j.must(':')
		fn(name)
	})
}

// text reads a string without escapes.
func (j *jsonText) text() string {
	j.must('"')
	s, rest, ok := strings.Cut(j.rest, `"`)
	j.rest, j.odd = rest, j.odd || !ok || strings.Contains(s, `\`)
	return s
}

func (j *jsonText) value() *order.Value {
	j.rest = strings.TrimLeft(j.rest, " ")
	if rest, ok := strings.CutPrefix(j.rest, "null"); ok {
		j.rest = rest
		return &order.Value{Null: true}
	}
	return &order.Value{Text: j.text()}
}

func (j *jsonText) number() int {
	j.rest = strings.TrimLeft(j.rest, " ")
	end := len(j.rest) - len(strings.TrimLeft(j.rest, "0123456789"))
	n, err := strconv.Atoi(j.rest[:end])
	j.rest, j.odd = j.rest[end:], j.odd || err != nil
	return n
}

func (j *jsonText) field() (f compare.FieldDifference) {
	j.object(func(name string) {
		switch name {
		case "name":
			f.Name = j.text()
		case "legacy":
			f.Legacy = j.value()
		case "events":
			f.Events = j.value()
		case "projection":
			f.Projection = j.value()
		default:
			j.odd = true
		}
	})
	return f
}

func (j *jsonText) mismatch(key order.Key) compare.Mismatch {
	m := compare.Mismatch{Key: key}
	j.object(func(name string) {
		switch name {
		case "kind":
			m.Kind = compare.Kind(j.text())
		case "hop":
			m.Hop = order.Hop(j.text())
		case "cause":
			m.Cause = compare.Cause(j.text())
		case "fields":
			j.each('[', ']', func() { m.Fields = append(m.Fields, j.field()) })
		case "legacy_copies":
			m.LegacyCopies = j.number()
		case "projection_copies":
			m.ProjectionCopies = j.number()
		default:
			j.odd = true
		}
	})
	return m
}

// readMismatches returns false if it does not understand the text.
func readMismatches(key order.Key, text []byte) (found []compare.Mismatch, ok bool) {
	j := &jsonText{rest: string(text)}
	j.each('[', ']', func() { found = append(found, j.mismatch(key)) })
	return found, !j.odd && strings.TrimSpace(j.rest) == ""
}
