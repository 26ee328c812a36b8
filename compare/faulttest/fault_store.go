package faulttest

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// storeFaults go wrong between legacy and the event store.
func storeFaults() []Fault {
	fault := func(name string, plant func(dice, *world) bool, causes ...compare.Cause) Fault {
		return Fault{Name: name, Hop: order.LegacyToEvents, Causes: causes, when: inStore, plant: plant}
	}
	content := []compare.Cause{compare.WrongEventContent}
	all := []Fault{
		fault("event lost", loseEvent, compare.LostShadowWrite),
		fault("several events lost", loseRun, compare.LostShadowWrite),
		fault("event stored twice", doubleEvent, compare.DuplicateEvent),
		fault("creation stored twice", doubleCreation, compare.DuplicateEvent, compare.ImpossibleTransition),
		fault("events of a range stored again", replayStored, compare.DuplicateEvent),
		fault("two events stored in the wrong order", swapStored, content...),
		fault("event stored late, at an older position", storeOlder, content...),
		fault("event stored late, at a newer position", storeNewer, content...),
		fault("event of something rolled back", ghost, compare.GhostEvent),
		fault("event of another order", foreign, compare.GhostEvent, compare.WrongEventContent),
		fault("event moved to another order", loseEvent, compare.LostShadowWrite),
		fault("two events merged into one", merge, compare.WrongEventContent, compare.LostShadowWrite),
		fault("event split into two", split, compare.WrongEventContent, compare.DuplicateEvent, compare.GhostEvent),
		fault("event with another value", alterStored, content...),
		fault("event with a rounded value", roundStored, compare.WrongEventContent),
		fault("event with a value made a float", floatStored, compare.FloatRounding),
		fault("event with another type", retype, content...),
		fault("event with a renamed key", breakStored, compare.SchemaDrift),
		fault("event in another time zone", zoneStored, compare.TimezoneShift),
		fault("event with another time", shiftStored, content...),
	}
	rewritten := fault("event rewritten in the store", alterStored, content...)
	rewritten.when = afterwards
	deleted := fault("event deleted from the store", loseEvent, compare.LostShadowWrite)
	deleted.when = afterwards
	return append(all, rewritten, deleted)
}

func loseEvent(d dice, w *world) bool {
	i := d.index(len(w.stored))
	w.stored = without(w.stored, i, i+1)
	return true
}

func loseRun(d dice, w *world) bool {
	if len(w.stored) < 3 {
		return false
	}
	i := d.index(len(w.stored) - 2)
	j := d.farther(i, len(w.stored)+1)
	w.stored = without(w.stored, i, j)
	return true
}

// again stores an event once more: right behind itself or at the end.
func (w *world) again(d dice, o op) {
	next := w.newPosition()
	i := slices.IndexFunc(w.stored, func(x op) bool { return x.position == o.position })
	if i+1 < len(w.stored) && w.stored[i+1].position > o.position+1 && d.oneIn(2) {
		next = o.position + 1
	}
	o.position = next
	w.stored = append(slices.Clone(w.stored), o)
	w.sort()
}

func doubleEvent(d dice, w *world) bool {
	if len(w.stored) < 2 {
		return false
	}
	w.again(d, w.stored[1+d.index(len(w.stored)-1)])
	return true
}

func doubleCreation(d dice, w *world) bool {
	if len(w.stored) == 0 {
		return false
	}
	w.again(d, w.stored[0])
	return true
}

func replayStored(d dice, w *world) bool {
	if len(w.stored) < 3 {
		return false
	}
	i := 1 + d.index(len(w.stored)-2)
	for _, o := range slices.Clone(w.stored[i:d.farther(i, len(w.stored)+1)]) {
		o.position = w.newPosition()
		w.stored = append(slices.Clone(w.stored), o)
	}
	return true
}

func swapStored(d dice, w *world) bool {
	if len(w.stored) < 3 {
		return false
	}
	i := d.index(len(w.stored) - 1)
	w.stored = slices.Clone(w.stored)
	a, b := &w.stored[i], &w.stored[i+1]
	a.position, b.position = b.position, a.position
	w.sort()
	w.alsoImpossible()
	return true
}

// storeOlder puts an event before others that happened before it.
func storeOlder(d dice, w *world) bool {
	if len(w.stored) < 3 {
		return false
	}
	i := 2 + d.index(len(w.stored)-2)
	w.move(i, d.index(i-1)+1)
	return true
}

func storeNewer(d dice, w *world) bool {
	if len(w.stored) < 3 {
		return false
	}
	i := d.index(len(w.stored) - 2)
	w.move(i, d.farther(i, len(w.stored)))
	return true
}

// move gives the event at one index the place of another; the positions in between move by one.
func (w *world) move(from, to int) {
	positions := make([]order.Position, len(w.stored))
	for i, o := range w.stored {
		positions[i] = o.position
	}
	w.stored = moved(w.stored, from, to)
	for i := range w.stored {
		w.stored[i].position = positions[i]
	}
	w.alsoImpossible()
}

// alsoImpossible: an event at the wrong place may be one that cannot happen there.
func (w *world) alsoImpossible() {
	if impossible(w.stored) {
		w.also(compare.ImpossibleTransition)
	}
}

// impossible is true of a history with an event that its state does not allow.
func impossible(ops []op) bool {
	var r row
	for _, o := range ops {
		was := r
		r.apply(o)
		ended := was.status == "FILLED" || was.status == "CANCELED"
		if o.kind == create && was.exists || r.filled > r.quantity || ended && o.kind != modify {
			return true
		}
	}
	return false
}

// ghost stores an event of something that legacy took back.
func ghost(d dice, w *world) bool {
	if len(w.stored) == 0 {
		return false
	}
	i := d.index(len(w.stored))
	now := replay(w.stored[:i+1])
	o := op{in: d.in, kind: cancel, reason: "NEVER", position: w.stored[i].position + 1, at: w.stored[i].at.Add(time.Duration(d.between(1, 900_000)) * time.Microsecond)}
	if i == len(w.stored)-1 {
		o.at = o.at.Add(time.Duration(d.between(1, 60)) * time.Second)
	} else if w.stored[i+1].position == o.position {
		return false
	}
	left := now.quantity - now.filled
	switch {
	case d.oneIn(3):
		o.kind, o.field, o.old, o.oldNull, o.new = modify, "price", now.price, now.market, now.price+d.between(1, 90_000)
	case d.oneIn(2) && left > 2:
		o.kind, o.quantity, o.price = part, d.between(1, left-1), max(1, now.price+d.between(-5_000, 5_000))
		o.remaining = left - o.quantity
	}
	w.stored = append(slices.Clone(w.stored), o)
	w.sort()
	w.alsoImpossible()
	return true
}

// foreign stores an event of another order under this one.
func foreign(d dice, w *world) bool {
	others := draw(d, 6)
	if len(others) < 2 || len(w.stored) == 0 {
		return false
	}
	o := others[1+d.index(len(others)-1)]
	o.position = w.newPosition()
	o.at = w.stored[len(w.stored)-1].at.Add(time.Duration(d.between(1, 60_000_000)) * time.Microsecond)
	w.stored = append(slices.Clone(w.stored), o)
	w.alsoImpossible()
	return true
}

// trades are the indexes of the fills.
func trades(ops []op) (out []int) {
	for i, o := range ops {
		if o.kind == part || o.kind == fill {
			out = append(out, i)
		}
	}
	return out
}

// merge makes one event of two neighbouring fills.
func merge(d dice, w *world) bool {
	var neighbours []int
	for _, i := range trades(w.stored) {
		if i+1 < len(w.stored) && (w.stored[i+1].kind == part || w.stored[i+1].kind == fill) {
			neighbours = append(neighbours, i)
		}
	}
	if len(neighbours) == 0 {
		return false
	}
	i := pick(d, neighbours)
	w.stored = slices.Clone(w.stored)
	w.stored[i+1].quantity += w.stored[i].quantity // at the second one's price
	w.stored = slices.Delete(w.stored, i, i+1)
	return true
}

// split makes two events of a fill.
func split(d dice, w *world) bool {
	fills := slices.DeleteFunc(trades(w.stored), func(i int) bool { return w.stored[i].quantity < 2 })
	if len(fills) == 0 {
		return false
	}
	i := pick(d, fills)
	w.stored = slices.Clone(w.stored)
	for j := i + 1; j < len(w.stored); j++ {
		w.stored[j].position++
	}
	first, second := w.stored[i], w.stored[i]
	second.position++
	first.kind, first.quantity = part, d.between(1, first.quantity-1)
	second.quantity -= first.quantity
	first.remaining = second.remaining + second.quantity
	if d.oneIn(2) { // the price of one of them is not the trade's
		second.price += d.between(1, 5_000)
	}
	w.stored = slices.Insert(w.stored, i+1, second)
	w.stored[i] = first
	return true
}

// alterStored changes one value that an event says.
func alterStored(d dice, w *world) bool {
	i := d.index(len(w.stored))
	w.stored = slices.Clone(w.stored)
	o := &w.stored[i]
	more := d.between(1, 400_000)
	switch {
	case o.kind == create && d.oneIn(3):
		o.side = map[string]string{"BUY": "SELL", "SELL": "BUY"}[o.side]
	case o.kind == create && d.oneIn(3):
		o.trader = "99"
	case o.kind == create && d.oneIn(3):
		o.symbol = "INTC"
	case o.kind == create && d.oneIn(2):
		o.quantity += more
	case o.kind == create && o.market:
		o.market, o.price = false, more
	case o.kind == create, o.kind != modify && o.kind != cancel && d.oneIn(3):
		o.price += more
	case o.kind == modify && d.oneIn(3):
		o.new = o.old // the value before is given as the new one
		return !o.oldNull
	case o.kind == modify && d.oneIn(3):
		o.field, o.oldNull = map[string]string{"price": "quantity", "quantity": "price"}[o.field], false
	case o.kind == modify:
		o.new += more
	case o.kind == cancel:
		o.reason = "SYSTEM"
	default:
		o.quantity += more
	}
	w.alsoImpossible()
	return true
}

// value is where an event says a price or a new value that can be rounded.
func (o *op) value() *int64 {
	switch {
	case o.kind == modify && o.field == "price":
		return &o.new
	case o.kind == create && !o.market, o.kind == part, o.kind == fill:
		return &o.price
	}
	return nil
}

// change changes the value of one event.
func (w *world) change(d dice, by func(int64) int64) bool {
	var can []int
	for i := range w.stored {
		if v := w.stored[i].value(); v != nil && by(*v) != *v {
			can = append(can, i)
		}
	}
	if len(can) == 0 {
		return false
	}
	w.stored = slices.Clone(w.stored)
	v := w.stored[pick(d, can)].value()
	*v = by(*v)
	return true
}

func roundStored(d dice, w *world) bool { return w.change(d, cents) }

// cents rounds to whole cents.
func cents(v int64) int64 { return (v + 50) / 100 * 100 }

// floatStored keeps six digits of a value, as a single-precision float prints them.
func floatStored(d dice, w *world) bool {
	return w.change(d, func(v int64) int64 {
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v)/10_000, 'g', 6, 32), 64)
		return int64(math.Round(rounded * 10_000))
	})
}

// retype stores a fill as the other kind of fill, where there are two kinds.
func retype(d dice, w *world) bool {
	fills := trades(w.stored)
	if len(fills) == 0 || d.in.derives {
		return false
	}
	w.stored = slices.Clone(w.stored)
	o := &w.stored[pick(d, fills)]
	o.kind = map[kind]kind{part: fill, fill: part}[o.kind]
	w.alsoImpossible()
	return true
}

func breakStored(d dice, w *world) bool {
	w.stored = slices.Clone(w.stored)
	w.stored[d.index(len(w.stored))].broken = true
	return true
}

// zone is the difference between two time zones.
func zone(d dice) time.Duration {
	quarters := d.between(1, 48)
	if d.oneIn(2) {
		quarters = -quarters
	}
	return time.Duration(quarters) * 15 * time.Minute
}

func zoneStored(d dice, w *world) bool { return w.shift(d, zone(d)) }

func shiftStored(d dice, w *world) bool {
	return w.shift(d, time.Duration(d.between(1_000, 30_000_000))*time.Microsecond)
}

func (w *world) shift(d dice, by time.Duration) bool {
	w.stored = slices.Clone(w.stored)
	o := &w.stored[d.index(len(w.stored))]
	o.at = o.at.Add(by)
	return true
}
