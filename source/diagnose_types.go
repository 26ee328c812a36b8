package source

import (
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// family says what kind of values a type holds. Types of one family can hold the same values.
func (n native) family() string {
	switch n.oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID:
		return "number"
	case pgtype.Float4OID, pgtype.Float8OID:
		return "float"
	case pgtype.TimestamptzOID:
		return "instant"
	}
	if n.category == "S" || n.category == "E" {
		return "text"
	}
	return n.name // a separate family
}

// unlimited is a capacity without a limit.
const unlimited = math.MaxInt32

// capacity is what a type can hold: so many digits before and after the decimal point, or so many characters.
type capacity struct{ whole, decimals, characters int }

// capacity reads the packed modifiers as PostgreSQL does. Unknown modifiers are unlimited.
func (n native) capacity() capacity {
	c := capacity{unlimited, unlimited, unlimited}
	switch n.oid {
	case pgtype.Int2OID:
		c.whole, c.decimals = 5, 0
	case pgtype.Int4OID:
		c.whole, c.decimals = 10, 0
	case pgtype.Int8OID:
		c.whole, c.decimals = 19, 0
	case pgtype.NumericOID:
		if n.modifier >= 4 {
			scale := int((n.modifier-4)&0x7ff^1024) - 1024
			c.whole, c.decimals = int((n.modifier-4)>>16)-scale, max(scale, 0)
		}
	case pgtype.TimestamptzOID:
		c.decimals = 6
		if n.modifier >= 0 {
			c.decimals = int(n.modifier)
		}
	case pgtype.VarcharOID, pgtype.BPCharOID:
		if n.modifier >= 4 {
			c.characters = int(n.modifier) - 4
		}
	case pgtype.NameOID:
		c.characters = 63
	}
	return c
}

// narrowed returns what the legacy side's type can hold and the projection's cannot; empty if there is nothing.
func narrowed(legacy, projection native) string {
	l, p := legacy.capacity(), projection.capacity()
	switch {
	case p.decimals < l.decimals:
		return fmt.Sprintf("the projection keeps %s and rounds away further decimals of the legacy side", human.Quantity(int64(p.decimals), "decimal", "decimals"))
	case p.whole < l.whole:
		return "the projection cannot hold the largest numbers of the legacy side"
	case p.characters < l.characters:
		return fmt.Sprintf("the projection holds at most %s, and the legacy side holds more", human.Quantity(int64(p.characters), "character", "characters"))
	}
	return ""
}

// typesFinding compares the native types of a field that both sides have. It reports nothing if only the names differ,
// or if the projection's type can hold all values of the legacy side's.
func typesFinding(name string, t order.FieldType, legacy, projection native) (doctor.Finding, bool) {
	f := doctor.Finding{Side: sideBoth, Check: CheckField, Level: doctor.Warning}
	f.Message = fmt.Sprintf("%s is %s in legacy and %s in the projection", name, legacy.name, projection.name)
	if legacy.family() != projection.family() {
		f.Hint = "map one side with an expression, so that equal values have the same text"
		if !accepts(t, legacy) || !accepts(t, projection) {
			f.Level = doctor.Error
		}
		return f, true
	}
	if loss := narrowed(legacy, projection); loss != "" {
		f.Message += ": " + loss
		f.Hint = "widen the projection's column, or every such order is reported as different"
		return f, true
	}
	if oneSided(legacy, projection, pgtype.BPCharOID) {
		f.Level, f.Hint = doctor.Info, "trailing blanks of a char column are not compared"
		return f, true
	}
	return doctor.Finding{}, false
}

func oneSided(a, b native, oid uint32) bool { return (a.oid == oid) != (b.oid == oid) }

// typeFor returns the field type that fits a column best; text if none does.
func typeFor(n native) order.FieldType {
	for _, t := range order.FieldTypes() {
		if t != order.Text && slices.Contains(accepted[t], n.oid) {
			return t
		}
	}
	return order.Text
}
