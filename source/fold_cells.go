package source

import (
	"bytes"
	"strconv"

	"github.com/nordvarg/crosscheck/order"
)

// digester computes digests of the orders that a replay holds.
type digester struct {
	fold  *Fold
	hash  *rowHash
	cells []cell
}

func newDigester(f *Fold, hash *rowHash) *digester {
	return &digester{fold: f, hash: hash, cells: make([]cell, len(f.fields))}
}

// row returns the digest of the order that the replay holds. If the order is flawed, it returns a number that no row of
// a table has. Afterwards the cells hold the values.
func (d *digester) row(key cellKey, r *order.Replay) int64 {
	if d.hash.hash.Portable || !d.plain(key, r) {
		d.exact(r)
	}
	digest := d.hash.row(key, d.cells)
	if r.Flawed() || !r.Exists() {
		return mix(uint64(digest))
	}
	return digest
}

// plain fills the cells without an allocation. It returns false for an order that is not plain enough.
func (d *digester) plain(key cellKey, r *order.Replay) bool {
	p, ok := r.Plain()
	if !ok {
		return false
	}
	for i, f := range d.fold.fields {
		c := &d.cells[i]
		c.null, c.alien, ok = false, false, true
		switch f.Name {
		case "order_id":
			c.setText(f.Type, key.text)
		case "trader_id":
			c.setText(f.Type, p.Trader)
		case "symbol":
			c.text = append(c.text[:0], p.Symbol...)
		case "side":
			c.text = append(c.text[:0], p.Side...)
		case "status":
			c.text = append(c.text[:0], p.Status...)
		case "quantity":
			ok = c.setFixed(f.Type, p.Quantity)
		case "price":
			if c.null = p.Market; !c.null {
				ok = c.setFixed(f.Type, p.Price)
			}
		case "filled_quantity":
			ok = c.setFixed(f.Type, p.Filled)
		case "avg_fill_price":
			if c.null = p.Untraded; !c.null {
				ok = c.setFixed(f.Type, p.Average)
			}
		case "created_at":
			c.n = p.CreatedAt + unixEpoch
		case "updated_at":
			c.n = p.UpdatedAt + unixEpoch
		}
		if !ok {
			return false
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
		c.null, c.alien = v.Null, false
		c.text = append(c.text[:0], v.Text...)
		switch f.Name {
		case "created_at":
			c.n = state.CreatedAt().UnixMicro() + unixEpoch
		case "updated_at":
			c.n = state.UpdatedAt().UnixMicro() + unixEpoch
		default:
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
