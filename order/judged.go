package order

import "slices"

// judgedAs lists each field that events determine, with the types for which the fold's value can be compared with a
// column's. These are the types whose equality does not depend on how a value is written. An average has decimals that
// an integer cannot hold. The text of a number or a time depends on the column.
var judgedAs = map[string][]FieldType{
	"order_id":        {Text, Integer, Numeric, UUID},
	"trader_id":       {Text, Integer, Numeric, UUID},
	"symbol":          {Text},
	"side":            {Text},
	"status":          {Text},
	"quantity":        {Numeric, Integer},
	"price":           {Numeric, Integer},
	"filled_quantity": {Numeric, Integer},
	"avg_fill_price":  {Numeric},
	"created_at":      {Timestamptz},
	"updated_at":      {Timestamptz},
}

// Judged reports whether events determine the field, for the type that it is compared as. All other compared fields are
// compared between legacy and projection only.
func (f Field) Judged() bool { return slices.Contains(judgedAs[f.Name], f.Type) }
