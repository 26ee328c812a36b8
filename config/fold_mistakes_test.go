package config_test

import (
	"strings"
	"testing"
)

// TestMistakesInFoldRules: each is told with its place, and with what to write instead.
func TestMistakesInFoldRules(t *testing.T) {
	for _, test := range []struct{ name, rules, want string }{
		{"unknown operation", `fold: {Placed: {create: true, sets: {status: {text: OPEN}}}}`, `config.yaml:9:33: events.fold.Placed.sets: unknown key
    hint: did you mean "set"?`},
		{"no operation", `fold: {Placed: {create: true, status: {text: OPEN}}}`, `config.yaml:9:33: events.fold.Placed.status: unknown key
    hint: an event has create, set, set_named, add, subtract, add_product, subtract_product, remaining and keys; fields are below these, such as set: {status: {text: OPEN}}`},
		{"ignore is no operation", `fold: {Placed: {create: true}, Noted: {ignore: true}}`, `config.yaml:9:42: events.fold.Noted.ignore: unknown key
    hint: write ignore in place of the mapping: Noted: ignore`},
		{"a word other than ignore", `fold: {Placed: {create: true}, Noted: ignored}`, `config.yaml:9:41: events.fold.Noted: must be the word ignore, or a mapping of what the event does, found "ignored"
    hint: such as {set: {status: {text: OPEN}}}`},
		{"a rule that is a list", `fold: {Placed: {create: true}, Noted: [ignore]}`, `config.yaml:9:41: events.fold.Noted: must be the word ignore, or a mapping of what the event does, found a list
    hint: such as {set: {status: {text: OPEN}}}`},
		{"a rule without a value", `fold: {Placed: {create: true}, Noted: }`, `config.yaml:9:41: events.fold.Noted: must be the word ignore, or a mapping of what the event does, found nothing
    hint: such as {set: {status: {text: OPEN}}}`},
		{"a rule that does nothing", `fold: {Placed: {create: true}, Noted: {}}`, `config.yaml:9:41: events.fold.Noted: does nothing
    hint: write ignore, without braces, if the event changes no field`},
		{"a rule of keys alone", `fold: {Placed: {create: true}, Noted: {keys: [a]}}`, `config.yaml:9:41: events.fold.Noted: does nothing
    hint: write ignore, without braces, if the event changes no field`},
		{"a rule of no creation alone", `fold: {Placed: {create: true}, Noted: {create: false}}`, `config.yaml:9:41: events.fold.Noted: does nothing
    hint: write ignore, without braces, if the event changes no field`},
		{"an empty operation", `fold: {Placed: {create: true, set: {}}}`, `config.yaml:9:38: events.fold.Placed.set: must not be empty
    hint: such as set: {price: $.price}`},
		{"no rules", `fold: {}`, `config.yaml:9:9: events.fold: must not be empty
    hint: such as {Placed: {create: true, set: {status: {text: OPEN}}}}; leave fold out for the default schema`},
		{"no type", `fold: {Placed: {create: true}, "": ignore}`, `config.yaml:9:34: events.fold.: an event type must not be empty
    hint: write the type as the store has it`},
		{"a duplicate type", `fold: {Placed: {create: true}, Noted: ignore, Placed: ignore}`, `config.yaml:9:49: events.fold.Placed: appears twice; first on line 9
    hint: remove one of them`},
		{"a duplicate field", `fold: {Placed: {create: true, set: {price: $.a, price: $.b}}}`, `config.yaml:9:51: events.fold.Placed.set.price: appears twice; first on line 9
    hint: remove one of them`},
		{"a strange creation", `fold: {Placed: {create: once}}`, `config.yaml:9:27: events.fold.Placed.create: must be true or if_absent, found "once"
    hint: true: the event creates an order, and a second one is a finding; if_absent: it creates an order that is not there`},
		{"a creation of a list", `fold: {Placed: {create: [true]}}`, `config.yaml:9:27: events.fold.Placed.create: must be true or if_absent, found a list
    hint: true: the event creates an order, and a second one is a finding; if_absent: it creates an order that is not there`},
		{"nothing creates", `fold: {Noted: ignore}`, `config.yaml:9:9: events.fold: no event creates an order
    hint: write create: true in the first event of an order, or preset: orders beside fold, which keeps the rules of the default schema`},
		{"unknown preset", `preset: order`, `config.yaml:9:11: events.preset: unknown preset "order"; use one of orders
    hint: did you mean "orders"?`},
		{"an unknown key of events", `folds: {Placed: {create: true}}`, `config.yaml:9:3: events.folds: unknown key
    hint: did you mean "fold"?`},
		{"a field that is not compared", `fold: {Placed: {create: true, set: {pirce: $.price}}}`, `config.yaml:9:39: events.fold.Placed.set.pirce: "pirce" is no compared field, and nothing else uses it
    hint: did you mean "price"?`},
		{"a field that nobody knows", `fold: {Placed: {create: true, set: {venue: $.venue}}}`, `config.yaml:9:39: events.fold.Placed.set.venue: "venue" is no compared field, and nothing else uses it
    hint: compare it, use it in derive or invariants, or give its type in registers`},
		{"a value without a dollar", `fold: {Placed: {create: true, set: {side: side}}}`, `config.yaml:9:45: events.fold.Placed.set.side: must be a path or a mapping, found "side"
    hint: write $.side for a key of the payload, or {text: side} for a constant`},
		{"a number without a mapping", `fold: {Placed: {create: true, set: {quantity: 0}}}`, `config.yaml:9:49: events.fold.Placed.set.quantity: must be a path or a mapping, found "0"
    hint: write {number: 0} for a constant`},
		{"a value that is a list", `fold: {Placed: {create: true, set: {side: [$.side]}}}`, `config.yaml:9:45: events.fold.Placed.set.side: must be a path or a mapping, found a list
    hint: such as $.price, {path: $.price, scale: 4}, {text: OPEN} or {event: at}`},
		{"no value", `fold: {Placed: {create: true, set: {side: }}}`, `config.yaml:9:45: events.fold.Placed.set.side: must be a path or a mapping, found nothing
    hint: such as $.price, {path: $.price, scale: 4}, {text: OPEN} or {event: at}`},
		{"a path without a dot", `fold: {Placed: {create: true, set: {side: $side}}}`, `config.yaml:9:45: events.fold.Placed.set.side: "$side" is no path
    hint: a path goes through objects by their keys, such as $.price or $.price.amount`},
		{"a path into a list", `fold: {Placed: {create: true, set: {side: "$.legs[0].side"}}}`, `config.yaml:9:45: events.fold.Placed.set.side: "$.legs[0].side" is no path
    hint: a path goes through objects by their keys, such as $.price or $.price.amount`},
		{"a path with a gap", `fold: {Placed: {create: true, set: {side: $.leg..side}}}`, `config.yaml:9:45: events.fold.Placed.set.side: "$.leg..side" is no path
    hint: a path goes through objects by their keys, such as $.price or $.price.amount`},
		{"a path in a mapping", `fold: {Placed: {create: true, set: {side: {path: side}}}}`, `config.yaml:9:45: events.fold.Placed.set.side: "side" is no path
    hint: a path goes through objects by their keys, such as $.price or $.price.amount`},
		{"a path and a text", `fold: {Placed: {create: true, set: {side: {path: $.side, text: BUY}}}}`, `config.yaml:9:45: events.fold.Placed.set.side: must have exactly one of path, text, number and event
    hint: such as {path: $.price, scale: 4} or {text: OPEN}`},
		{"a text and a number", `fold: {Placed: {create: true, set: {side: {text: BUY, number: 1}}}}`, `config.yaml:9:65: events.fold.Placed.set.side.number: must not stand beside text
    hint: remove one of them`},
		{"a value of nothing", `fold: {Placed: {create: true, set: {side: {scale: 2}}}}`, `config.yaml:9:45: events.fold.Placed.set.side: must have exactly one of path, text, number and event
    hint: such as {path: $.price, scale: 4} or {text: OPEN}`},
		{"an unknown key of a value", `fold: {Placed: {create: true, set: {side: {pth: $.side}}}}`, `config.yaml:9:46: events.fold.Placed.set.side.pth: unknown key
    hint: did you mean "path"?`},
		{"a number that is none", `fold: {Placed: {create: true, set: {quantity: {number: many}}}}`, `config.yaml:9:58: events.fold.Placed.set.quantity.number: must be a number, found "many"
    hint: write it in plain digits, such as 0.001; a word is {text: OPEN}`},
		{"a text for a number", `fold: {Placed: {create: true, set: {quantity: {text: many}}}}`, `config.yaml:9:49: events.fold.Placed.set.quantity: "many" is not a decimal number of at most 1000 digits on each side of the point
    hint: the field holds a number`},
		{"a negative scale", `fold: {Placed: {create: true, set: {price: {path: $.price, scale: -2}}}}`, `config.yaml:9:69: events.fold.Placed.set.price.scale: must be from 0 to 1000, found "-2"`},
		{"a scale that is no number", `fold: {Placed: {create: true, set: {price: {path: $.price, scale: cents}}}}`, `config.yaml:9:69: events.fold.Placed.set.price.scale: must be a whole number, found "cents"
    hint: write it in plain digits, such as 10000`},
		{"a scale of text", `fold: {Placed: {create: true, set: {side: {path: $.side, scale: 2}}}}`, `config.yaml:9:67: events.fold.Placed.set.side.scale: is for a number in the payload, from 1 to 1000
    hint: a value in cents is {path: $.cents, scale: 2}`},
		{"a unit of a number", `fold: {Placed: {create: true, set: {price: {path: $.price, unit: ms}}}}`, `config.yaml:9:68: events.fold.Placed.set.price.unit: is for a field of type timestamptz, whose value is in the payload
    hint: milliseconds since 1970 are {path: $.at, unit: ms}`},
		{"a scale of a field that the event names", `fold: {Placed: {create: true}, Changed: {set_named: {field: $.field, to: {path: $.new, scale: 2}, only: [price]}}}`, `config.yaml:9:97: events.fold.Changed.set_named.to.scale: is for a number in the payload, from 1 to 1000
    hint: set_named takes values as they are; use set for a field whose value has a scale or a unit`},
		{"an unknown unit", `fold: {Placed: {create: true, set: {created_at: {path: $.at, unit: minutes}}}}`, `config.yaml:9:70: events.fold.Placed.set.created_at.unit: unknown unit "minutes"
    hint: use one of s, ms, us, ns, since 1970; a text in RFC 3339 needs no unit`},
		{"an unknown part of the event", `fold: {Placed: {create: true, set: {created_at: {event: time}}}}`, `config.yaml:9:59: events.fold.Placed.set.created_at.event: "time" is no part of an event
    hint: write at for its time, or key for its order`},
		{"the time as a number", `fold: {Placed: {create: true, set: {price: {event: at}}}}`, `config.yaml:9:46: events.fold.Placed.set.price: the time of the event cannot be a number
    hint: compare the field as timestamptz`},
		{"the key as a number", `fold: {Placed: {create: true, set: {price: {event: key}}}}`, `config.yaml:9:46: events.fold.Placed.set.price: the key of the event cannot be a number
    hint: say that the rules hold it as text, by registers: {order_id: text}`},
		{"null of a constant", `fold: {Placed: {create: true, set: {side: {text: BUY, null: true}}}}`, `config.yaml:9:63: events.fold.Placed.set.side.null: is for a value of the payload
    hint: such as {path: $.price, null: true}`},
		{"null that is not true or false", `fold: {Placed: {create: true, set: {side: {path: $.side, null: allowed}}}}`, `config.yaml:9:66: events.fold.Placed.set.side.null: must be true or false, found "allowed"`},
		{"an empty map", `fold: {Placed: {create: true, set: {side: {path: $.side, map: {}}}}}`, `config.yaml:9:65: events.fold.Placed.set.side.map: must not be empty
    hint: such as map: {"1": BUY, "2": SELL}; else: is for all others`},
		{"a map of a list", `fold: {Placed: {create: true, set: {side: {path: $.side, map: [BUY]}}}}`, `config.yaml:9:65: events.fold.Placed.set.side.map: must be a mapping (key: value), found a list
    hint: such as map: {"1": BUY, "2": SELL}; else: is for all others`},
		{"a map without a path", `fold: {Placed: {create: true, set: {side: {text: "1", map: {"1": BUY}}}}}`, `config.yaml:9:62: events.fold.Placed.set.side.map: is for a text in the payload, without scale and unit
    hint: such as {path: $.side, map: {"1": BUY, "2": SELL}}`},
		{"a map of a scaled number", `fold: {Placed: {create: true, set: {price: {path: $.px, scale: 2, map: {"1": 2}}}}}`, `config.yaml:9:74: events.fold.Placed.set.price.map: is for a text in the payload, without scale and unit
    hint: such as {path: $.side, map: {"1": BUY, "2": SELL}}`},
		{"a map to texts for a number", `fold: {Placed: {create: true, set: {quantity: {path: $.side, map: {"1": one, else: 0}}}}}`, `config.yaml:9:75: events.fold.Placed.set.quantity.map.1: "one" is not a decimal number of at most 1000 digits on each side of the point
    hint: the field holds a number`},
		{"a map with a text twice", `fold: {Placed: {create: true, set: {side: {path: $.side, map: {"1": BUY, "1": SELL}}}}}`, `config.yaml:9:76: events.fold.Placed.set.side.map.1: appears twice; first on line 9
    hint: remove one of them`},
		{"set and add of a field", `fold: {Placed: {create: true, set: {quantity: $.a}, add: {quantity: $.b}}}`, `config.yaml:9:71: events.fold.Placed.add.quantity: the event gives "quantity" a value in two ways
    hint: set replaces the value, and add changes it; remove one of them`},
		{"set and a product", `fold: {Placed: {create: true, set: {quantity: $.a}, subtract_product: {quantity: [$.b, $.c]}}}`, `config.yaml:9:84: events.fold.Placed.subtract_product.quantity: the event gives "quantity" a value in two ways
    hint: set replaces the value, and add changes it; remove one of them`},
		{"set and set_named", `fold: {Placed: {create: true, set: {quantity: $.a}, set_named: {field: $.f, to: $.t, only: [quantity]}}}`, `config.yaml:9:95: events.fold.Placed.set_named.only: the event gives "quantity" a value in two ways
    hint: remove one of them`},
		{"a product of one", `fold: {Placed: {create: true, add_product: {quantity: [$.a]}}}`, `config.yaml:9:57: events.fold.Placed.add_product.quantity: must be a list of two values, which are multiplied
    hint: such as [$.quantity, $.price]`},
		{"a product of no list", `fold: {Placed: {create: true, add_product: {quantity: $.a}}}`, `config.yaml:9:57: events.fold.Placed.add_product.quantity: must be a list of two values, which are multiplied
    hint: such as [$.quantity, $.price]`},
		{"a factor that is no path", `fold: {Placed: {create: true, add_product: {quantity: [$.a, $b]}}}`, `config.yaml:9:63: events.fold.Placed.add_product.quantity[1]: "$b" is no path
    hint: a path goes through objects by their keys, such as $.price or $.price.amount`},
		{"adding to text", `fold: {Placed: {create: true, add: {side: $.a}}}`, `config.yaml:9:39: events.fold.Placed.add.side: calculates with "side", which is compared as text
    hint: compare it as numeric, or write registers: {side: numeric} if only its column is text`},
		{"adding a word", `fold: {Placed: {create: true, add: {quantity: {text: one}}}}`, `config.yaml:9:49: events.fold.Placed.add.quantity: "one" is not a decimal number of at most 1000 digits on each side of the point
    hint: the field holds a number`},
		{"set_named without only", `fold: {Placed: {create: true, set_named: {field: $.f, to: $.t}}}`, `config.yaml:9:44: events.fold.Placed.set_named.only: is missing
    hint: the fields that may be named, such as only: [quantity, price]`},
		{"set_named with nothing", `fold: {Placed: {create: true, set_named: {}}}`, `config.yaml:9:44: events.fold.Placed.set_named.field: is missing
    hint: the path of the name of the field, such as field: $.field
config.yaml:9:44: events.fold.Placed.set_named.to: is missing
    hint: the path of the new value, such as to: $.new_value
config.yaml:9:44: events.fold.Placed.set_named.only: is missing
    hint: the fields that may be named, such as only: [quantity, price]`},
		{"set_named of an empty list", `fold: {Placed: {create: true, set_named: {field: $.f, to: $.t, only: []}}}`, `config.yaml:9:72: events.fold.Placed.set_named.only: must be a list of names, found none
    hint: name at least one, or leave it out`},
		{"set_named of an unknown field", `fold: {Placed: {create: true, set_named: {field: $.f, to: $.t, only: [prize]}}}`, `config.yaml:9:73: events.fold.Placed.set_named.only: "prize" is no compared field, and nothing else uses it
    hint: did you mean "price"?`},
		{"a name of a field that is not in only", `fold: {Placed: {create: true, set_named: {field: $.f, to: $.t, only: [price], names: {qty: quantity}}}}`, `config.yaml:9:94: events.fold.Placed.set_named.names.qty: "quantity" is not in only
    hint: write it as in only, which has price`},
		{"null of a field that is not in only", `fold: {Placed: {create: true, set_named: {field: $.f, to: $.t, only: [price], null: [quantity]}}}`, `config.yaml:9:88: events.fold.Placed.set_named.null: "quantity" is not in only
    hint: list in null those of only that may become NULL`},
		{"what remains without invariants", `fold: {Placed: {create: true, remaining: $.left}}`, `config.yaml:9:44: events.fold.Placed.remaining: needs the invariants ordered and filled
    hint: such as invariants: {ordered: quantity, filled: filled_quantity}`},
		{"keys that are no list", `fold: {Placed: {create: true, keys: note}}`, `config.yaml:9:39: events.fold.Placed.keys: must be a list of names, found "note"
    hint: write [note]`},
		{"a derived field that is set", `fold: {Placed: {create: true, set: {quantity: $.q, filled_quantity: $.f, price: $.p}}}
  derive: {price: {ratio: [quantity, filled_quantity], scale: 2}}`, `config.yaml:9:83: events.fold.Placed.set.price: "price" is derived, so no event sets it
    hint: remove it here, or under derive`},
		{"a derived field that is added to", `fold: {Placed: {create: true, add: {quantity: $.q, status: $.s}}}
  derive: {status: {when: [{field: quantity, above: 0, then: FILLED}]}}`, `config.yaml:9:62: events.fold.Placed.add.status: "status" is derived, so no event sets it
    hint: remove it here, or under derive
config.yaml:10:27: events.derive.status.when: gives texts, and "status" holds a number
    hint: derive a field of type text`},
		{"a derived field that may be named", `fold: {Placed: {create: true, set: {quantity: $.q}, set_named: {field: $.f, to: $.t, only: [status]}}}
  derive: {status: {when: [{field: quantity, above: 0, then: FILLED}]}}`, `config.yaml:9:95: events.fold.Placed.set_named.only: "status" is derived, so no event sets it`},
		{"a ratio of a field with itself", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  derive: {avg_fill_price: {ratio: [quantity, quantity], scale: 6}}`, `config.yaml:10:36: events.derive.avg_fill_price.ratio: "quantity" is divided by itself
    hint: the first is divided by the second, such as [notional, filled_quantity]`},
		{"a ratio of text", `fold: {Placed: {create: true, set: {quantity: $.q, side: $.s}}}
  derive: {avg_fill_price: {ratio: [quantity, side], scale: 6}}`, `config.yaml:10:47: events.derive.avg_fill_price.ratio: calculates with "side", which is compared as text
    hint: compare it as numeric, or write registers: {side: numeric} if only its column is text`},
		{"a ratio of an unknown name", `fold: {Placed: {create: true, set: {quantity: $.q}, add: {notional: $.n}}}
  derive: {avg_fill_price: {ratio: [notionl, quantity], scale: 6}}`, `config.yaml:9:61: events.fold.Placed.add.notional: "notional" is no compared field, and nothing else uses it
    hint: compare it, use it in derive or invariants, or give its type in registers
config.yaml:10:37: events.derive.avg_fill_price.ratio: no event sets "notionl"
    hint: did you mean "notional"?`},
		{"a ratio of a derived field", `fold: {Placed: {create: true, set: {quantity: $.q, price: $.p}}}
  derive: {avg_fill_price: {ratio: [filled_quantity, quantity], scale: 6}, filled_quantity: {ratio: [quantity, price], scale: 6}}`, `config.yaml:10:37: events.derive.avg_fill_price.ratio: "filled_quantity" is derived itself
    hint: derive each field from fields and registers that events set`},
		{"a ratio of three", `fold: {Placed: {create: true}}
  derive: {avg_fill_price: {ratio: [a, b, c], scale: 6}}`, `config.yaml:10:36: events.derive.avg_fill_price.ratio: must be a list of two names; the first is divided by the second
    hint: such as [notional, filled_quantity]`},
		{"a ratio of a text", `fold: {Placed: {create: true}}
  derive: {avg_fill_price: {ratio: a/b, scale: 6}}`, `config.yaml:10:36: events.derive.avg_fill_price.ratio: must be a list of two names; the first is divided by the second
    hint: such as [notional, filled_quantity]`},
		{"a ratio without scale", `fold: {Placed: {create: true}}
  derive: {avg_fill_price: {ratio: [a, b]}}`, `config.yaml:10:28: events.derive.avg_fill_price.scale: is missing
    hint: how many decimals the result has, such as scale: 6`},
		{"a ratio and when", `fold: {Placed: {create: true, set: {quantity: $.q, price: $.p}}}
  derive: {status: {ratio: [quantity, price], scale: 6, when: [{field: quantity, above: 0, then: FILLED}]}}`, `config.yaml:10:20: events.derive.status: must have either ratio or when
    hint: such as {ratio: [notional, filled_quantity], scale: 6}`},
		{"a ratio and unless", `fold: {Placed: {create: true, set: {quantity: $.q, price: $.p}}}
  derive: {avg_fill_price: {ratio: [quantity, price], scale: 6, unless: [A]}}`, `config.yaml:10:73: events.derive.avg_fill_price.unless: is only for when
    hint: a ratio is always calculated`},
		{"a derivation of nothing", `fold: {Placed: {create: true}}
  derive: {status: {unless: [CANCELED]}}`, `config.yaml:10:20: events.derive.status: must have either ratio or when
    hint: such as {ratio: [notional, filled_quantity], scale: 6}`},
		{"a derivation that is a path", `fold: {Placed: {create: true}}
  derive: {status: $.status}`, `config.yaml:10:20: events.derive.status: must be a mapping (key: value), found "$.status"
    hint: such as {ratio: [notional, filled_quantity], scale: 6} or {when: [{field: filled_quantity, above: 0, then: FILLED}]}`},
		{"an empty derivation", `fold: {Placed: {create: true}}
  derive: {status: {}}`, `config.yaml:10:20: events.derive.status: must not be empty
    hint: such as {ratio: [notional, filled_quantity], scale: 6} or {when: [{field: filled_quantity, above: 0, then: FILLED}]}`},
		{"invariants that are no mapping", `fold: {Placed: {create: true}}
  invariants: status`, `config.yaml:10:15: events.invariants: must be a mapping (key: value), found "status"
    hint: such as {ordered: quantity, filled: filled_quantity, status: status, terminal: [FILLED, CANCELED]}`},
		{"terminal values that are no list", `fold: {Placed: {create: true, set: {status: $.status}}}
  invariants: {status: status, terminal: FILLED}`, `config.yaml:10:42: events.invariants.terminal: must be a list of names, found "FILLED"
    hint: write [FILLED]`},
		{"a value with blanks", `fold: {Placed: {create: true, set: {side: buy or sell}}}`, `config.yaml:9:45: events.fold.Placed.set.side: must be a path or a mapping, found "buy or sell"
    hint: write {text: "buy or sell"} for a constant`},
		{"no derivation", `fold: {Placed: {create: true}}
  derive: {}`, `config.yaml:10:11: events.derive: must not be empty
    hint: such as derive: {avg_fill_price: {ratio: [notional, filled_quantity], scale: 6}}`},
		{"an unknown key of a derivation", `fold: {Placed: {create: true}}
  derive: {status: {wen: []}}`, `config.yaml:10:21: events.derive.status.wen: unknown key
    hint: did you mean "when"?`},
		{"when of an unknown field", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  derive: {status: {when: [{field: quantity, above: 0, then: PART}, {field: quantity, at_least: quantitty, then: FILLED}]}}`, `config.yaml:10:97: events.derive.status.when[1]: no event sets "quantitty"
    hint: did you mean "quantity"?`},
		{"when with two limits", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  derive: {status: {when: [{field: quantity, above: 0, at_least: 1, then: FILLED}]}}`, `config.yaml:10:28: events.derive.status.when[0]: must have either at_least or above
    hint: such as {field: filled_quantity, at_least: quantity, then: FILLED}`},
		{"when without a limit", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  derive: {status: {when: [{field: quantity, then: FILLED}]}}`, `config.yaml:10:28: events.derive.status.when[0]: must have either at_least or above
    hint: such as {field: filled_quantity, at_least: quantity, then: FILLED}`},
		{"when without then", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  derive: {status: {when: [{field: quantity, above: 0}]}}`, `config.yaml:10:28: events.derive.status.when[0].then: is missing
    hint: the value if it holds, such as then: FILLED`},
		{"when of text", `fold: {Placed: {create: true, set: {side: $.q}}}
  derive: {status: {when: [{field: side, above: 0, then: FILLED}]}}`, `config.yaml:10:36: events.derive.status.when[0]: calculates with "side", which is compared as text
    hint: compare it as numeric, or write registers: {side: numeric} if only its column is text`},
		{"unless of a text that no rule sets", `fold: {Placed: {create: true, set: {status: {text: CANCELED}, quantity: $.q}}}
  derive: {status: {unless: [CANCELLED], when: [{field: quantity, above: 0, then: FILLED}]}}`, `config.yaml:10:30: events.derive.status.unless: no rule sets status to "CANCELLED"
    hint: did you mean "CANCELED"?`},
		{"invariants of an unknown field", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  invariants: {ordered: quantities}`, `config.yaml:10:25: events.invariants.ordered: no event sets "quantities"
    hint: events set quantity`},
		{"invariants of a field that no event sets", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  invariants: {ordered: quantity, filled: filled_quantity}`, `config.yaml:10:43: events.invariants.filled: no event sets "filled_quantity"
    hint: events set quantity`},
		{"an unknown invariant", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  invariants: {orderd: quantity}`, `config.yaml:10:16: events.invariants.orderd: unknown key
    hint: did you mean "ordered"?`},
		{"terminal values without a status", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  invariants: {terminal: [FILLED]}`, `config.yaml:10:26: events.invariants.terminal: terminal values need a status
    hint: name its field, such as status: status`},
		{"a terminal value that no rule sets", `fold: {Placed: {create: true, set: {status: {text: OPEN}}}, Done: {set: {status: {text: FILLED}}}}
  invariants: {status: status, terminal: [FILED]}`, `config.yaml:10:43: events.invariants.terminal: no rule sets status to "FILED"
    hint: did you mean "FILLED"?`},
		{"invariants that calculate with text", `fold: {Placed: {create: true, set: {side: $.s}}}
  invariants: {ordered: side}`, `config.yaml:10:25: events.invariants.ordered: calculates with "side", which is compared as text
    hint: compare it as numeric, or write registers: {side: numeric} if only its column is text`},
		{"a status that is a number", `fold: {Placed: {create: true, set: {quantity: $.q}}}
  invariants: {status: quantity}`, `config.yaml:10:24: events.invariants.status: "quantity" holds a number
    hint: name a field of type text`},
		{"when for a number", `fold: {Placed: {create: true, set: {price: $.q}}}
  derive: {quantity: {when: [{field: price, above: 0, then: FILLED}]}}`, `config.yaml:10:29: events.derive.quantity.when: gives texts, and "quantity" holds a number
    hint: derive a field of type text`},
		{"a register of an unknown type", `fold: {Placed: {create: true, set: {paid_on: $.d}}}
  registers: {paid_on: dates}`, `config.yaml:10:24: events.registers.paid_on: unknown type "dates"; use one of text, numeric, integer, boolean, timestamptz, uuid, date
    hint: did you mean "date"?`},
		{"a register that no event sets", `fold: {Placed: {create: true, set: {quantity: $.d}}}
  registers: {paid_on: date}`, `config.yaml:10:15: events.registers.paid_on: no event sets "paid_on"
    hint: remove it`},
		{"a register of text that is added to", `fold: {Placed: {create: true, add: {paid: $.d}}}
  registers: {paid: text}`, `config.yaml:10:21: events.registers.paid: the rules calculate with it, so it is a number
    hint: write numeric, or leave it out`},
		{"a key that is no path", `preset: orders
  payload_key: order_id`, `config.yaml:10:16: events.payload_key: "order_id" is no path
    hint: a path goes through objects by their keys, such as $.price or $.price.amount`},
		{"several", `fold: {Placed: {create: true, set: {pirce: $price}}, Noted: {}}`, `config.yaml:9:63: events.fold.Noted: does nothing
    hint: write ignore, without braces, if the event changes no field`},
		{"renamed types", `types: {OrderFilled: Fill, OrderCanceled: no}`, `config.yaml:9:3: events.types: belongs in events.fold, as rules
    hint: write preset: orders, and fold: {"no": {set: {reason: {path: $.reason, null: true}, status: {text: CANCELED}, updated_at: {event: at}}, keys: [event_id, order_id, event_type, timestamp, _backfill]}, Fill: {set: {status: {text: FILLED}, updated_at: {event: at}}, add: {filled_quantity: $.quantity}, add_product: {notional: [$.quantity, $.price]}, keys: [event_id, order_id, event_type, timestamp, _backfill]}}`},
		{"renamed keys", `keys: {OrderFilled.quantity: qty, reason: why, remaining_quantity: '', OrderModified.old_value: ''}`, `config.yaml:9:3: events.keys: belongs in events.fold, as rules
    hint: write preset: orders, and fold: {OrderCanceled: {set: {reason: {path: $.why, null: true}, status: {text: CANCELED}, updated_at: {event: at}}, keys: [event_id, order_id, event_type, timestamp, _backfill]}, OrderFilled: {set: {status: {text: FILLED}, updated_at: {event: at}}, add: {filled_quantity: $.qty}, add_product: {notional: [$.qty, $.price]}, keys: [event_id, order_id, event_type, timestamp, _backfill]}, OrderModified: {set: {updated_at: {event: at}}, set_named: {field: $.field, to: $.new_value, only: [trader_id, symbol, side, quantity, price], null: [price]}, keys: [event_id, order_id, event_type, timestamp, _backfill]}, OrderPartiallyFilled: {set: {status: {text: PARTIALLY_FILLED}, updated_at: {event: at}}, add: {filled_quantity: $.filled_quantity}, add_product: {notional: [$.filled_quantity, $.price]}, keys: [event_id, order_id, event_type, timestamp, _backfill]}}`},
		{"ignored keys", `ignore: [note]`, `config.yaml:9:3: events.ignore: belongs in events.fold, as rules
    hint: write preset: orders, and fold: {OrderCanceled: {set: {reason: {path: $.reason, null: true}, status: {text: CANCELED}, updated_at: {event: at}}, keys: [event_id, order_id, event_type, timestamp, _backfill, note]}, OrderCreated: {create: true, set: {created_at: {event: at}, order_id: {event: key}, price: {path: $.price, null: true}, quantity: $.quantity, side: $.side, status: {text: OPEN}, symbol: $.symbol, trader_id: $.trader_id, updated_at: {event: at}}, keys: [event_id, order_id, event_type, timestamp, _backfill, note]}, OrderFilled: {set: {status: {text: FILLED}, updated_at: {event: at}}, add: {filled_quantity: $.quantity}, add_product: {notional: [$.quantity, $.price]}, keys: [event_id, order_id, event_type, timestamp, _backfill, note]}, OrderImported: {create: if_absent, set: {created_at: $.created_at, filled_quantity: $.filled_quantity, notional: $.notional, order_id: {event: key}, price: {path: $.price, null: true}, quantity: $.quantity, side: $.side, status: $.status, symbol: $.symbol, trader_id: $.trader_id, updated_at: {event: at}}, keys: [event_id, order_id, event_type, timestamp, _backfill, note]}, OrderModified: {set: {updated_at: {event: at}}, set_named: {field: $.field, to: $.new_value, was: $.old_value, only: [trader_id, symbol, side, quantity, price], null: [price]}, keys: [event_id, order_id, event_type, timestamp, _backfill, note]}, OrderPartiallyFilled: {set: {status: {text: PARTIALLY_FILLED}, updated_at: {event: at}}, add: {filled_quantity: $.filled_quantity}, add_product: {notional: [$.filled_quantity, $.price]}, remaining: $.remaining_quantity, keys: [event_id, order_id, event_type, timestamp, _backfill, note]}}`},
		{"ignored types", `ignore_types: [OrderNoted, Order Seen]`, `config.yaml:9:3: events.ignore_types: belongs in events.fold, as rules
    hint: write preset: orders, and fold: {OrderNoted: ignore, "Order Seen": ignore}`},
		{"all of them", `types: {OrderFilled: Fill}
  keys: {OrderFilled.quantity: qty}
  ignore_types: [OrderNoted]`, `config.yaml:9:3: events.types: belongs in events.fold, as rules
    hint: the hint of events.ignore_types has the rules
config.yaml:10:3: events.keys: belongs in events.fold, as rules
    hint: the hint of events.ignore_types has the rules
config.yaml:11:3: events.ignore_types: belongs in events.fold, as rules
    hint: write preset: orders, and fold: {Fill: {set: {status: {text: FILLED}, updated_at: {event: at}}, add: {filled_quantity: $.qty}, add_product: {notional: [$.qty, $.price]}, keys: [event_id, order_id, event_type, timestamp, _backfill]}, OrderNoted: ignore}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(t, withFold+"  "+test.rules+"\n")
			if err == nil {
				t.Fatal("is accepted")
			}
			if got := render(t, err); got != test.want+"\n" {
				t.Errorf("says\n%swant\n%s", got, test.want)
			}
			// What a hint gives as rules can be read.
			if _, lines, ok := strings.Cut(test.want, "write preset: orders, and "); ok {
				if _, err := parse(t, withFold+"  preset: orders\n  "+lines+"\n"); err != nil {
					t.Error(render(t, err))
				}
			}
		})
	}
}
