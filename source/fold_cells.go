package source

import (
	"bytes"
	"strconv"

	"github.com/nordvarg/crosscheck/order"
)

// digester computes digests of the orders that a replay holds.
type digester struct {
	fold      *Fold
	hash      *rowHash
	cells     []cell
	registers []int  // of the fields
	texts     []bool // fields whose register holds a text, whatever they are compared as
}

func newDigester(f *Fold, hash *rowHash) *digester {
	d := &digester{fold: f, hash: hash, cells: make([]cell, len(f.fields))}
	for _, field := range f.fields {
		rules := f.events.config.Rules
		register, _ := rules.Register(field.Name)
		d.registers = append(d.registers, register)
		d.texts = append(d.texts, rules.Judges(order.Field{Name: field.Name, Type: order.Text}))
	}
	return d
}

// row returns the digest of the order that the replay holds. If the order is flawed, it returns a number that no row of
// a table has. Afterwards the cells hold the values.
func (d *digester) row(key cellKey, r *order.Replay) int64 {
	if d.hash.hash.Portable || !d.plain(r) {
		d.exact(r)
	}
	digest := d.hash.row(key, d.cells)
	if r.Flawed() || !r.Exists() {
		return mix(uint64(digest))
	}
	return digest
}

// plain fills the cells without an allocation. It returns false for an order that is not plain enough.
func (d *digester) plain(r *order.Replay) bool {
	if !r.Plain() {
		return false
	}
	for i, f := range d.fold.fields {
		c := &d.cells[i]
		v, ok := r.Value(d.registers[i])
		if !ok {
			return false
		}
		c.null, c.alien = v.Null, false
		switch f.Type {
		case order.Timestamptz:
			c.n = v.Micros + unixEpoch
		case order.Numeric, order.Integer:
			if d.texts[i] {
				c.setText(f.Type, v.Text)
			} else if !v.Null && !c.setFixed(f.Type, v.Number) {
				return false
			}
		default:
			c.setText(f.Type, v.Text)
		}
	}
	// The text of a number or a time is needed only as the name of a group.
	return d.fold.groupBy < 0 || d.fold.fields[d.fold.groupBy].Type == order.Text
}

// exact fills the cells of any order.
func (d *digester) exact(r *order.Replay) {
	state := r.State()
	for i, f := range d.fold.fields {
		c := &d.cells[i]
		v, _ := state.Value(f.Name)
		c.null, c.alien, c.n = v.Null, false, 0
		c.text = append(c.text[:0], v.Text...)
		if at, ok := state.Time(d.registers[i]); ok {
			c.n = at.UnixMicro() + unixEpoch
		} else {
			c.setText(f.Type, c.text)
		}
	}
}

// setText converts a text to the field's type.
func (c *cell) setText(t order.FieldType, text []byte) {
	c.text = append(c.text[:0], text...)
	if c.null {
		return
	}
	switch t {
	case order.Numeric:
		c.alien = !c.number.parse(c.text)
	case order.Integer:
		if whole, part, _ := bytes.Cut(c.text, []byte(".")); len(bytes.Trim(part, "0")) == 0 { // 5.00 is 5
			c.text = whole
		}
		n, err := strconv.ParseInt(string(c.text), 10, 64)
		c.n = n
		c.alien = err != nil || !bytes.Equal(strconv.AppendInt(nil, n, 10), c.text)
	case order.Boolean:
		c.n = 0
		if string(c.text) == "true" {
			c.n = 1
		}
	case order.UUID:
		id, ok := order.CanonicalKey(order.KeyUUID, string(c.text))
		if c.alien = !ok; ok {
			c.text = append(c.text[:0], id...)
		}
	default: // it is the text that is hashed
	}
}

// setFixed returns false if the number is too large to be split at every fourth decimal, or is not of an integer type.
func (c *cell) setFixed(t order.FieldType, f order.Fixed) bool {
	if t == order.Integer {
		for ; f.Scale > 0 && f.Coefficient%10 == 0; f.Scale-- {
			f.Coefficient /= 10
		}
		c.n = int64(f.Coefficient)
		return f.Scale == 0 && c.n >= 0
	}
	scale := (f.Scale + 3) / 4 * 4
	coefficient, ok := f.Rescaled(scale)
	if ok {
		c.number.set(coefficient, scale)
	}
	return ok
}
