package verify

import (
	"maps"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// sizes are the rows of one bucket or group on each side.
type sizes struct{ legacy, projection int64 }

func (s sizes) rows() int64 { return s.legacy + s.projection }

func (s sizes) plus(o sizes) sizes { return sizes{s.legacy + o.legacy, s.projection + o.projection} }

// buckets are a part of the buckets of both sides.
type buckets struct {
	byNumber map[int64]sizes
	groups   map[order.Value]sizes
	nullKeys int64
}

func newBuckets() buckets {
	return buckets{byNumber: map[int64]sizes{}, groups: map[order.Value]sizes{}}
}

// numbers are the buckets' numbers, ascending.
func (b buckets) numbers() []int64 { return slices.Sorted(maps.Keys(b.byNumber)) }

// of are the rows of some of the buckets.
func (b buckets) of(numbers []int64) (total sizes) {
	for _, n := range numbers {
		total = total.plus(b.byNumber[n])
	}
	return total
}

// all are the rows of all of them.
func (b buckets) all() (total sizes) {
	for _, size := range b.byNumber {
		total = total.plus(size)
	}
	return total
}

type cell struct {
	bucket  int64
	nullKey bool
	group   order.Value
}

type content struct {
	sizes
	legacySum, projectionSum string
}

// split separates the buckets that differ from the equal ones: the same number of rows and the same sum in every group.
func split(legacy, projection []Digest) (differing, same buckets) {
	cells := map[cell]*content{}
	at := func(d Digest) *content {
		key := cell{d.Bucket, d.NullKey, d.Group}
		if cells[key] == nil {
			cells[key] = &content{}
		}
		return cells[key]
	}
	for _, d := range legacy {
		c := at(d)
		c.legacy, c.legacySum = d.Rows, d.Sum
	}
	for _, d := range projection {
		c := at(d)
		c.projection, c.projectionSum = d.Rows, d.Sum
	}
	dirty := map[int64]bool{}
	for key, c := range cells {
		if !key.nullKey && (c.legacy != c.projection || c.legacySum != c.projectionSum) {
			dirty[key.bucket] = true
		}
	}
	differing, same = newBuckets(), newBuckets()
	for key, c := range cells {
		part := same
		if dirty[key.bucket] {
			part = differing
		}
		part.add(key, c.sizes)
		if key.nullKey {
			same.nullKeys += c.rows()
		}
	}
	return differing, same
}

func (b buckets) add(key cell, s sizes) {
	if key.nullKey {
		return
	}
	n, g := b.byNumber[key.bucket], b.groups[key.group]
	b.byNumber[key.bucket], b.groups[key.group] = n.plus(s), g.plus(s)
}

// groupName is the name of a group in counts.
func (p *pass) groupName(v order.Value) string {
	switch {
	case p.groupField() < 0:
		return "(all)"
	case v.Null:
		return "(null)"
	case v.Text == "":
		return "(empty)"
	}
	return v.Text
}

// groupField is the index of the field that counts are grouped by; -1 if there is none.
func (p *pass) groupField() int {
	return slices.IndexFunc(p.c.Fields, func(f order.Field) bool { return f.Name == p.c.GroupBy })
}

// groupOf is the group in which the scan counted an order on one side; empty if the side does not have exactly one row
// of it.
func (p *pass) groupOf(rows []order.Row) string {
	if len(rows) != 1 {
		return ""
	}
	if i := p.groupField(); i >= 0 {
		v := rows[0].Values[i]
		if p.c.Fields[i].Type == order.Numeric {
			v.Text = order.TrimScale(v.Text)
		}
		return p.groupName(v)
	}
	return p.groupName(order.Null)
}
