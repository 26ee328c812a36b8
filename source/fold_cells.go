package source

import (
	"bytes"
	"strconv"

	"github.com/nordvarg/crosscheck/order"
)

// digester turns the orders that a replay holds into digests.
type digester struct {
	fold  *Fold
	hash  *rowHash
	cells []cell
}

func newDigester(f *Fold, hash *rowHash) *digester {
	return &digester{fold: f, hash: hash, cells: make([]cell, len(f.fields))}
}

// row is the digest of the order that the replay holds. The cells are its values afterwards.
func (d *digester) row(key cellKey, r *order.Replay) int64 {
	if d.hash.hash.Portable || !d.plain(key, r) {
		d.exact(r)
	}
	return d.hash.row(key, d.cells)
}

// plain fills the cells without an allocation; false is an order that is not plain enough for it.
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
			c.text, c.n = append(c.text[:0], key.text...), key.n
		case "trader_id":
			c.setText(f.Type, p.Trader)
		case "symbol":
			c.text = append(c.text[:0], p.Symbol...)
		case "side":
			c.text = append(c.text[:0], p.Side...)
		case "status":
			c.text = append(c.text[:0], p.Status...)
		case "quantity":
			ok = c.setFixed(p.Quantity)
		case "price":
			if c.null = p.Market; !c.null {
				ok = c.setFixed(p.Price)
			}
		case "filled_quantity":
			ok = c.setFixed(p.Filled)
		case "avg_fill_price":
			if c.null = p.Untraded; !c.null {
				ok = c.setFixed(p.Average)
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
	// The text of a number or a time is asked for as the name of a group alone.
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

// setText takes a text for what the field's type makes of it.
func (c *cell) setText(t order.FieldType, text []byte) {
	c.text = append(c.text[:0], text...)
	if c.null {
		return
	}
	switch t {
	case order.Numeric:
		c.alien = !c.number.parse(c.text)
	case order.Integer:
		n, err := strconv.ParseInt(string(c.text), 10, 64)
		c.n = n
		c.alien = err != nil || !bytes.Equal(strconv.AppendInt(nil, n, 10), c.text)
	default: // it is the text that is hashed
	}
}

// setFixed is false where the number is too large to be cut at every fourth decimal.
func (c *cell) setFixed(f order.Fixed) bool {
	scale := (f.Scale + 3) / 4 * 4
	coefficient, ok := f.Rescaled(scale)
	if ok {
		c.number.set(coefficient, scale)
	}
	return ok
}
