package order

import (
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Replay folds one history after another, with the results of [Decode] and [Fold], but several times as fast. It reads
// and applies events of plain form without an allocation, except for texts with escapes. If an event is not plain,
// Decode and [State.Apply] handle it and the rest of that history. A Replay is for one goroutine at a time.
type Replay struct {
	vocabulary Vocabulary
	names      *names

	key   []byte
	plain bool // the order is in plain; otherwise it is in state
	flaw  bool // State.Flawed for the plain events
	is    Plain
	last  Position
	seen  bool
	state State
	flat  flatValues
	said  said
}

// Plain is an order whose numbers fit into [Fixed]. Slices are valid until the next event.
type Plain struct {
	exists               bool
	Trader, Symbol, Side []byte
	Status               string
	Quantity, Price      Fixed
	Market               bool // the order has no price
	Filled, Average      Fixed
	Untraded             bool  // there is no average
	CreatedAt, UpdatedAt int64 // microseconds since 1970

	notional wide
}

// NewReplay prepares a replay for a store with these names.
func NewReplay(v Vocabulary) *Replay { return &Replay{vocabulary: v, names: v.prepared()} }

// Start begins the history of an order.
func (r *Replay) Start(key []byte) {
	r.key = append(r.key[:0], key...)
	is := &r.is
	*is = Plain{Trader: is.Trader[:0], Symbol: is.Symbol[:0], Side: is.Side[:0]}
	r.plain, r.flaw, r.seen, r.state = true, false, false, State{}
}

// Apply applies the next event to the order that was started, whatever the event's key. It keeps no reference to the
// event.
func (r *Replay) Apply(e StoredRow) {
	if e.Position == NoPosition {
		r.flaw = true
		return
	}
	if r.plain {
		if r.seen && e.Position < r.last {
			return
		}
		if (!r.seen || e.Position > r.last) && r.applied(e) {
			r.last, r.seen = e.Position, true
			return
		}
		r.leave()
	}
	event, _ := Decode(RawEvent{
		Position: e.Position, Key: Key(r.key), Type: string(e.Type), At: e.At, Payload: e.Payload,
	}, r.vocabulary)
	r.state.Apply(event)
}

// Exists returns true once the order was created.
func (r *Replay) Exists() bool {
	if r.plain {
		return r.is.exists
	}
	return r.state.Exists()
}

// Flawed returns the same as [State.Flawed].
func (r *Replay) Flawed() bool { return r.flaw || r.state.flawed }

// Plain returns the order, if all its numbers fit. It is valid until the next event.
func (r *Replay) Plain() (*Plain, bool) {
	if !r.plain || !r.is.exists {
		return nil, false
	}
	is := &r.is
	if is.Untraded = is.Filled.Coefficient == 0; is.Untraded {
		return is, true
	}
	var ok bool
	is.Average, ok = average(is.notional, is.Filled, AverageScale)
	return is, ok
}

// State returns the order in every case.
func (r *Replay) State() State {
	if r.plain {
		return r.exact()
	}
	return r.state
}

// leave continues with exact arithmetic of any size.
func (r *Replay) leave() {
	r.state = r.exact()
	r.plain = false
}

func (r *Replay) exact() State {
	is := &r.is
	s := State{key: Key(r.key), last: r.last, seen: r.seen, exists: is.exists, flawed: r.flaw}
	if !is.exists {
		return s
	}
	s.trader, s.symbol, s.side, s.status = string(is.Trader), string(is.Symbol), string(is.Side), is.Status
	s.quantity, s.filled, s.notional = is.Quantity.decimal(), is.Filled.decimal(), is.notional.decimal()
	if !is.Market {
		s.price = apd.NullDecimal{Decimal: is.Price.decimal(), Valid: true}
	}
	s.createdAt, s.updatedAt = time.UnixMicro(is.CreatedAt).UTC(), time.UnixMicro(is.UpdatedAt).UTC()
	return s
}
