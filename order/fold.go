package order

import (
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// The states of an order.
const (
	StatusOpen            = "OPEN"
	StatusPartiallyFilled = "PARTIALLY_FILLED"
	StatusFilled          = "FILLED"
	StatusCanceled        = "CANCELED"
)

// AverageScale is how many decimals avg_fill_price has in the default schema.
const AverageScale = 6

// State is the result of an order's events, applied in the order of their positions. It says what the legacy row and
// the projection should be.
//
// # Fold
//
// Apply is total and deterministic. Impossible events are reported as a [Problem]. If their meaning is clear they are
// applied as well, because projectors do that: the last status wins, and fills add up. Not applied are:
//
//   - an event without a body or a position
//   - an event of another order
//   - an event whose position is not above the last one's, so that a duplicate counts once. Another event at the same
//     position is a flaw: nobody knows which of the two counts
//   - a second creation
//   - any event before the creation, because there is no row that it could change
//
// updated_at is the time of the last applied event, created_at the time of the creation. The average is sum(quantity ×
// price) / sum(quantity) over the trades. It is exact until the end, and is then divided and rounded as PostgreSQL
// divides and rounds numerics.
//
// A State may be copied; the copies are independent. The zero value is an order without events.
type State struct {
	key    Key
	last   Position
	seen   bool  // there was at least one event, so last is set
	newest Event // at last; zero if it was not kept
	exists bool
	flawed bool

	trader, symbol, side string
	quantity             apd.Decimal
	price                apd.NullDecimal
	status               string
	filled, notional     apd.Decimal // sums over the trades, exact
	createdAt, updatedAt time.Time
}

// Fold replays a history from its beginning. Events must be in the order of their positions.
func Fold(events []Event) (s State, problems []Problem) {
	for _, e := range events {
		problems = append(problems, s.Apply(e)...)
	}
	return s, problems
}

// Exists is true once the order was created.
func (s *State) Exists() bool { return s.exists }

// Flawed returns true once there was an event that could not be decoded or is impossible for any order. Other systems
// may then read the history differently, whatever the state.
func (s *State) Flawed() bool { return s.flawed }

// Position returns the position of the last event seen, applied or not.
func (s *State) Position() Position { return s.last }

// UpdatedAt returns the time of the last applied event.
func (s *State) UpdatedAt() time.Time { return s.updatedAt }

// CreatedAt returns the time of the creation; zero before it.
func (s *State) CreatedAt() time.Time { return s.createdAt }

// Apply applies one event to the order, and returns what is wrong with the event.
func (s *State) Apply(e Event) []Problem {
	a := application{State: s, event: e}
	if e.Position == NoPosition {
		a.report(ProblemSchema, "the event has no position")
		s.flawed = true
		return a.problems
	}
	if !a.inSequence() {
		s.flawed = s.flawed || a.impossible()
		return a.problems
	}
	s.last, s.seen, s.newest = e.Position, true, e
	if s.key == "" {
		s.key = e.Key
	}
	if a.applicable() {
		a.apply()
		s.updatedAt = e.At
	}
	s.flawed = s.flawed || e.Body == nil || a.impossible()
	return a.problems
}

// application is the application of one event to a state.
type application struct {
	*State
	event    Event
	problems []Problem
}

func (a *application) report(kind ProblemKind, format string, args ...any) {
	a.problems = append(a.problems, Problem{Position: a.event.Position, Kind: kind, Detail: fmt.Sprintf(format, args...)})
}

func (a *application) impossible() bool {
	return slices.ContainsFunc(a.problems, func(p Problem) bool { return p.Kind.Impossible() })
}

func (a *application) inSequence() bool {
	switch {
	case !a.seen || a.event.Position > a.last:
		return true
	case a.event.Position == a.last && !a.event.sameAs(a.newest):
		a.report(ProblemConflict, "position %d has another event, too", a.last)
	case a.event.Position == a.last:
		a.report(ProblemDuplicate, "position %d occurs a second time", a.last)
	default:
		a.report(ProblemDisorder, "position %d comes after %d", a.event.Position, a.last)
	}
	return false
}

// applicable reports whether the event can change this order.
func (a *application) applicable() bool {
	e := a.event
	if e.Schema != nil {
		a.report(ProblemSchema, "%s", e.Schema.Detail)
	}
	created := e.Body != nil && e.Body.Type() == OrderCreated
	switch {
	case e.Body == nil:
		if e.Schema == nil {
			a.report(ProblemSchema, "the event has no body")
		}
	case e.Key != a.key:
		a.report(ProblemOtherOrder, "an event of order %s", e.Key)
	case created && a.exists:
		a.report(ProblemCreatedTwice, "created before")
	case !created && !a.exists:
		a.report(ProblemNotCreated, "%s before the order was created", e.Body.Type())
	default:
		return true
	}
	return false
}

func (a *application) apply() {
	switch body := a.event.Body.(type) {
	case Created:
		a.create(body)
	case Modified:
		a.modify(body)
	case PartiallyFilled:
		a.fill(body.Quantity, body.Price)
		a.status = StatusPartiallyFilled
		a.checkRemaining(body.Remaining)
	case Filled:
		a.fill(body.Quantity, body.Price)
		a.status = StatusFilled
		if a.filled.Cmp(&a.quantity) < 0 {
			a.report(ProblemIncompleteFill, "called filled, but only %s of %s are filled", plain(a.filled), plain(a.quantity))
		}
	case Canceled:
		a.cancel()
	}
}

func (a *application) create(body Created) {
	a.exists, a.status, a.createdAt = true, StatusOpen, a.event.At
	a.trader, a.symbol, a.side = body.Trader, body.Symbol, body.Side
	a.quantity, a.price = body.Quantity, body.Price
	if a.quantity.Sign() <= 0 {
		a.report(ProblemNotPositive, "an order of %s", plain(a.quantity))
	}
}

func (a *application) modify(body Modified) {
	if a.status == StatusFilled || a.status == StatusCanceled {
		a.report(ProblemModifyAfterEnd, "%s modified in an order that is %s", body.Field, a.status)
	}
	before, known := a.Value(body.Field)
	if known && body.Old != nil && !sameText(body.Field, before, *body.Old) {
		a.report(ProblemContradiction, "says that %s was %s, but it was %s", body.Field, shown(*body.Old), shown(before))
	}
	switch body.Field {
	case "trader_id":
		a.trader = body.New.Text
	case "symbol":
		a.symbol = body.New.Text
	case "side":
		a.side = body.New.Text
	case "price":
		if body.New.Null {
			a.price = apd.NullDecimal{}
		} else if d, ok := a.numeral(body.New.Text); ok {
			a.price = apd.NullDecimal{Decimal: d, Valid: true}
		}
	case "quantity":
		if d, ok := a.numeral(body.New.Text); ok {
			a.quantity = d
		}
	default:
		a.report(ProblemSchema, "%q is not a field that a modification can change", body.Field)
	}
}

// numeral reads a new value. [Decode] accepts only numbers, but an event that was built in another way may hold
// anything.
func (a *application) numeral(text string) (apd.Decimal, bool) {
	d, ok := parseDecimal(text)
	if !ok {
		a.report(ProblemSchema, "%.60q is not a decimal number", text)
	}
	return d, ok
}

func (a *application) fill(quantity, price apd.Decimal) {
	if a.status == StatusCanceled {
		a.report(ProblemFillAfterCancel, "a trade of %s in a canceled order", plain(quantity))
	}
	if quantity.Sign() <= 0 {
		a.report(ProblemNotPositive, "a trade of %s", plain(quantity))
	}
	var filled, value, notional apd.Decimal
	if !exactly(exact.Add(&filled, &a.filled, &quantity)) ||
		!exactly(exact.Mul(&value, &quantity, &price)) || !exactly(exact.Add(&notional, &a.notional, &value)) {
		a.report(ProblemSchema, "a trade with too many digits")
		return
	}
	a.filled, a.notional = filled, notional
	if a.filled.Cmp(&a.quantity) > 0 {
		a.report(ProblemOverfill, "%s filled of %s", plain(a.filled), plain(a.quantity))
	}
}

func (a *application) checkRemaining(remaining apd.NullDecimal) {
	var left apd.Decimal
	if !remaining.Valid || !exactly(exact.Sub(&left, &a.quantity, &a.filled)) {
		return
	}
	if said := remaining.Decimal; said.Cmp(&left) != 0 {
		a.report(ProblemContradiction, "says that %s remain, but %s remain", plain(said), plain(left))
	}
}

func (a *application) cancel() {
	switch a.status {
	case StatusFilled:
		a.report(ProblemCancelAfterFill, "a filled order is canceled")
	case StatusCanceled:
		a.report(ProblemCanceledTwice, "canceled before")
	}
	a.status = StatusCanceled
}

// Value returns a field of the default schema as PostgreSQL would print it in UTC. Numbers may have another scale than
// the column. It returns false for a field that events do not determine, and for an order that does not exist.
func (s *State) Value(field string) (Value, bool) {
	if !s.exists {
		return Value{}, false
	}
	switch field {
	case "order_id":
		return Value{Text: string(s.key)}, true
	case "trader_id":
		return Value{Text: s.trader}, true
	case "symbol":
		return Value{Text: s.symbol}, true
	case "side":
		return Value{Text: s.side}, true
	case "quantity":
		return Value{Text: plain(s.quantity)}, true
	case "price":
		if !s.price.Valid {
			return Null, true
		}
		return Value{Text: plain(s.price.Decimal)}, true
	case "status":
		return Value{Text: s.status}, true
	case "filled_quantity":
		return Value{Text: plain(s.filled)}, true
	case "avg_fill_price":
		return s.average(), true
	case "created_at":
		return Value{Text: TimestamptzText(s.createdAt)}, true
	case "updated_at":
		return Value{Text: TimestamptzText(s.updatedAt)}, true
	}
	return Value{}, false
}

// Foldable lists the fields that [State.Value] knows.
func Foldable() []string {
	return []string{
		"order_id", "trader_id", "symbol", "side", "quantity", "price", "status",
		"filled_quantity", "avg_fill_price", "created_at", "updated_at",
	}
}

// average is NULL if nothing was traded.
func (s *State) average() Value {
	if s.filled.IsZero() {
		return Null
	}
	return Value{Text: plain(quotient(s.notional, s.filled, AverageScale))}
}

func shown(v Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}
