package faulttest

import (
	"math/rand/v2"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// start is when every order begins.
var start = time.Date(2024, 3, 9, 14, 30, 0, 0, time.UTC)

// dice is the randomness of a case, and the language of its store.
type dice struct {
	*rand.Rand
	in *Language
}

func (l *Language) roll(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 10)), l} } //nolint:gosec // repeatable on purpose

// between returns a number of [low, high].
func (d dice) between(low, high int64) int64 { return low + d.Int64N(high-low+1) }

func (d dice) index(n int) int { return d.IntN(n) }

// farther returns an index of [i+2, n).
func (d dice) farther(i, n int) int { return i + 2 + d.index(n-i-2) }

// oneIn is true once in n times.
func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, of []T) T { return of[d.IntN(len(of))] }

// life is what the application does to one order.
type life struct {
	dice
	at              time.Time
	position        order.Position
	quantity, price int64
	market          bool
	filled          int64
	ended           bool
	ops             []op
}

// draw makes up the life of an order with at most that many things after its creation. As in a real system, two of
// them may have the same time, and a transaction that began earlier may come later.
func draw(d dice, most int) []op {
	l := &life{
		dice: d, at: start.Add(time.Duration(d.between(0, 86_400_000_000)) * time.Microsecond),
		quantity: 10_000 * d.between(2, 20_000), price: d.between(10_000, 5_000_000), market: d.oneIn(8),
	}
	if d.oneIn(2) {
		l.price -= l.price % 100 // in whole cents
	}
	l.add(op{
		kind: create, trader: pick(d, []string{"7", "8", "31"}), symbol: pick(d, []string{"NVDA", "AMD", "TSLA"}),
		side: pick(d, []string{"BUY", "SELL"}), quantity: l.quantity, price: l.price, market: l.market,
	})
	for n := d.IntN(most + 1); n > 0 && !l.ended; n-- {
		l.step()
	}
	return l.ops
}

func (l *life) add(o op) {
	l.position += order.Position(l.between(1, 5))
	o.position = l.position
	o.in, o.at = l.in, l.at
	switch {
	case o.kind == create || l.oneIn(12):
	case l.oneIn(16):
		o.at = l.at.Add(-time.Duration(l.between(1, 400_000)) * time.Microsecond)
	default:
		l.at = l.at.Add(time.Duration(l.between(1, 90_000_000)) * time.Microsecond)
		o.at = l.at
	}
	l.ops = append(l.ops, o)
}

func (l *life) step() {
	left := l.quantity - l.filled
	trade := max(1, l.price+l.between(-5_000, 5_000))
	switch l.IntN(10) {
	case 0, 1:
		o := op{kind: modify, field: "price", old: l.price, oldNull: l.market}
		l.price += l.between(1, 90_000)
		l.market, o.new = false, l.price
		l.add(o)
	case 2:
		o := op{kind: modify, field: "quantity", old: l.quantity}
		l.quantity += 10_000 * l.between(1, 100)
		o.new = l.quantity
		l.add(o)
	case 3:
		l.ended = true
		l.add(op{kind: cancel, reason: "TRADER_CANCEL"})
	case 4:
		l.ended = true
		l.add(op{kind: fill, quantity: left, price: trade})
	default:
		if left < 2 {
			return
		}
		q := l.between(1, left-1)
		l.filled += q
		l.add(op{kind: part, quantity: q, price: trade, remaining: left - q})
	}
}

// record is what legacy itself writes about the ops: modifications into the audit log, fills into the trades. Some
// applications log changes of the status too.
func record(ops []op, statusToo bool) history.Record {
	h := history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
	r := row{setsStatus: true}
	for _, o := range ops {
		was := r
		r.apply(o)
		switch o.kind {
		case modify:
			h.Audit = append(h.Audit, history.Line{At: o.at, Field: o.field, Old: was.value(o.field), New: r.value(o.field)})
		case part, fill:
			h.Trades = append(h.Trades, history.Trade{At: o.at, Quantity: *apd.New(o.quantity, -4), Price: *apd.New(o.price, -4)})
		case create, cancel: // nothing
		}
		if statusToo && was.exists && was.status != r.status {
			h.Audit = append(h.Audit, history.Line{At: o.at, Field: "status", Old: was.value("status"), New: r.value("status")})
		}
	}
	return h
}
