package faulttest

import (
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// projectorFaults are mistakes in applying the events.
func projectorFaults() []Fault {
	fault := func(name string, plant func(dice, *world) bool, causes ...compare.Cause) Fault {
		return Fault{Name: name, Hop: order.EventsToProjection, Causes: causes, when: whileProjecting, plant: plant}
	}
	stopped := []compare.Cause{compare.StaleProjection, compare.StoppedProjector}
	return []Fault{
		fault("event skipped", skip, compare.EventSkipped),
		fault("several events skipped", skipRun, compare.EventSkipped),
		fault("type of event ignored", ignoreType, compare.EventTypeIgnored),
		fault("event applied twice", applyTwice, compare.EventAppliedTwice),
		fault("events of a range applied again", replayApplied, compare.EventAppliedTwice),
		fault("two events applied in the wrong order", swapApplied, compare.AppliedOutOfOrder),
		fault("event applied late", applyLate, compare.AppliedOutOfOrder),
		fault("event applied to another order", skip, compare.EventSkipped),
		fault("event of another order applied", applyForeign, compare.WrongValue),
		fault("projection stopped", stop, stopped...),
		fault("value rounded while projecting", roundApplied, compare.WrongValue, compare.ValueDrift),
		fault("value made a float while projecting", floatApplied, compare.FloatRounding),
	}
}

// skipped says which causes are right for an event that was left out: one that nothing follows leaves a projection that
// is merely behind.
func (w *world) skipped(i int) {
	o := w.applied[i]
	for _, before := range w.applied[:i] {
		switch {
		case before.at.Equal(o.at):
			w.also(compare.SkippedEqualTimestamp)
		case before.at.After(o.at):
			w.also(compare.SkippedLateCommit)
		}
	}
	w.also(compare.SkippedLateCommit)
	only := !slices.ContainsFunc(without(w.applied, i, i+1), func(x op) bool { return x.like(o) })
	if only {
		w.also(compare.EventTypeIgnored)
	}
}

func skip(d dice, w *world) bool {
	if len(w.applied) == 0 {
		return false
	}
	i := d.index(len(w.applied))
	w.skipped(i)
	w.applied = without(w.applied, i, i+1)
	w.staleIfPrefix()
	return true
}

// staleIfPrefix: a projection that shows the first events only is behind, whatever the reason.
func (w *world) staleIfPrefix() {
	shown := replay(w.applied)
	for n := range w.stored {
		if before := replay(w.stored[:n]); sameRow(AllFields(), before, shown) {
			w.also(compare.StaleProjection, compare.StoppedProjector)
			return
		}
	}
}

func skipRun(d dice, w *world) bool {
	if len(w.applied) < 4 {
		return false
	}
	i := 1 + d.index(len(w.applied)-3)
	j := d.farther(i, len(w.applied))
	for skipped := i; skipped < j; skipped++ {
		w.skipped(skipped)
	}
	w.applied = without(w.applied, i, j)
	w.staleIfPrefix()
	return true
}

func ignoreType(d dice, w *world) bool {
	if len(w.applied) < 2 {
		return false
	}
	ignored := w.applied[1+d.index(len(w.applied)-1)]
	w.applied = slices.DeleteFunc(slices.Clone(w.applied), func(o op) bool { return o.like(ignored) })
	w.staleIfPrefix()
	return true
}

func applyTwice(d dice, w *world) bool {
	if len(w.applied) == 0 {
		return false
	}
	i := d.index(len(w.applied))
	w.applied = slices.Insert(slices.Clone(w.applied), i, w.applied[i])
	return true
}

func replayApplied(d dice, w *world) bool {
	if len(w.applied) < 3 {
		return false
	}
	i := d.index(len(w.applied) - 2)
	j := d.farther(i, len(w.applied))
	w.applied = slices.Insert(slices.Clone(w.applied), j, w.applied[i:j]...)
	return true
}

func swapApplied(d dice, w *world) bool {
	if len(w.applied) < 3 {
		return false
	}
	i := 1 + d.index(len(w.applied)-2)
	w.applied = slices.Clone(w.applied)
	w.applied[i], w.applied[i+1] = w.applied[i+1], w.applied[i]
	w.staleIfPrefix()
	return true
}

// applyLate applies an event after some that follow it.
func applyLate(d dice, w *world) bool {
	if len(w.applied) < 4 {
		return false
	}
	i := 1 + d.index(len(w.applied)-3)
	j := d.farther(i, len(w.applied))
	w.applied = moved(w.applied, i, j)
	w.staleIfPrefix()
	return true
}

func applyForeign(d dice, w *world) bool {
	others := draw(d, 6)
	if len(others) < 2 || len(w.applied) == 0 {
		return false
	}
	o := others[1+d.index(len(others)-1)]
	at := 1 + d.index(len(w.applied))
	o.at = w.applied[at-1].at.Add(time.Duration(d.between(1, 60_000)) * time.Microsecond)
	w.applied = slices.Insert(slices.Clone(w.applied), at, o)
	return true
}

func stop(d dice, w *world) bool {
	if len(w.applied) == 0 {
		return false
	}
	n := d.index(len(w.applied))
	if n > 0 && n == len(w.applied)-1 {
		w.skipped(n)
	}
	w.applied = w.applied[:n]
	return true
}

func roundApplied(d dice, w *world) bool {
	return w.projecting(func(p *world) bool { return p.change(d, cents) })
}

func floatApplied(d dice, w *world) bool {
	return w.projecting(func(p *world) bool { return floatStored(d, p) })
}

// projecting does to what is applied what is otherwise done to the store.
func (w *world) projecting(do func(*world) bool) bool {
	p := world{stored: w.applied}
	ok := do(&p)
	w.applied = p.stored
	return ok
}

// rowFaults are done to the projection's row.
func rowFaults() []Fault {
	fault := func(name string, plant func(dice, *world) bool, causes ...compare.Cause) Fault {
		return Fault{Name: name, Hop: order.EventsToProjection, Causes: causes, when: inRows, plant: plant}
	}
	return []Fault{
		fault("row of the projection edited", editProjection, compare.WrongValue),
		fault("number of the projection a little off", driftProjection, compare.ValueDrift),
		fault("value of the projection lost", nullProjection, compare.NullInsteadOfValue),
		fault("row of the projection deleted", deleteProjection, compare.StaleProjection, compare.StoppedProjector),
		fault("row of the projection restored to an older state", restoreProjection, compare.StaleProjection, compare.StoppedProjector),
		fault("row of the projection twice", doubleProjection, compare.DuplicateRow),
		fault("row of the projection in another time zone", zoneProjection, compare.TimezoneShift),
		fault("row of the projection made a float", floatProjection, compare.FloatRounding),
	}
}

// edit changes one value by hand.
func (r *row) edit(d dice) {
	switch pick(d, []string{"trader_id", "symbol", "side", "status", "quantity", "price", "filled_quantity", "avg_fill_price", "updated_at"}) {
	case "trader_id":
		r.set("trader_id", order.Value{Text: "55"})
	case "symbol":
		r.set("symbol", order.Value{Text: "INTC"})
	case "side":
		r.set("side", order.Value{Text: map[string]string{"BUY": "SELL", "SELL": "BUY"}[r.side]})
	case "status":
		others := slices.DeleteFunc([]string{"OPEN", "PARTIALLY_FILLED", "FILLED", "CANCELED"}, func(s string) bool { return s == r.status })
		r.set("status", order.Value{Text: pick(d, others)})
	case "quantity":
		r.set("quantity", order.Value{Text: amount(r.quantity + d.between(-r.quantity+1, 900_000))})
	case "price":
		r.set("price", order.Value{Text: amount(r.price + d.between(-r.price+1, 900_000))})
	case "filled_quantity":
		r.set("filled_quantity", order.Value{Text: amount(d.between(0, r.quantity))})
	case "avg_fill_price":
		r.set("avg_fill_price", order.Value{Text: amount(d.between(1, 2*r.price+2))})
	default:
		r.set("updated_at", order.Value{Text: order.TimestamptzText(r.updated.Add(time.Duration(d.between(1, 90_000_000)) * time.Microsecond))})
	}
}

// one is the only row of a side, if it has one.
func one(rows []row) *row {
	if len(rows) != 1 || !rows[0].exists {
		return nil
	}
	return &rows[0]
}

func editProjection(d dice, w *world) bool {
	r := one(w.projection)
	if r == nil {
		return false
	}
	was := r.edited
	r.edit(d)
	w.also(wrongNumbers(*r)...)
	return len(was) == 0 || len(r.edited) > len(was)
}

// wrongNumbers: an edited number that is a little off has drifted.
func wrongNumbers(r row) []compare.Cause {
	for field := range r.edited {
		was := r
		was.edited = nil
		a, errA := strconv.ParseFloat(r.value(field).Text, 64)
		b, errB := strconv.ParseFloat(was.value(field).Text, 64)
		if errA == nil && errB == nil && (a-b <= b/100+0.01 && b-a <= b/100+0.01) {
			return []compare.Cause{compare.ValueDrift}
		}
	}
	return nil
}

func driftProjection(d dice, w *world) bool {
	r := one(w.projection)
	if r == nil {
		return false
	}
	field := pick(d, []string{"quantity", "price", "filled_quantity"})
	was := map[string]int64{"quantity": r.quantity, "price": r.price, "filled_quantity": r.filled}[field]
	if field == "price" && r.market || was == 0 {
		return false
	}
	r.set(field, order.Value{Text: amount(was + d.between(1, max(1, was/150)))})
	w.also(compare.WrongValue)
	return true
}

func nullProjection(d dice, w *world) bool {
	r := one(w.projection)
	if r == nil {
		return false
	}
	field := pick(d, []string{"trader_id", "symbol", "side", "status", "quantity", "price", "filled_quantity", "avg_fill_price"})
	if r.value(field).Null {
		return false
	}
	r.set(field, order.Null)
	return true
}

func deleteProjection(_ dice, w *world) bool {
	if one(w.projection) == nil {
		return false
	}
	w.projection = nil
	return true
}

func restoreProjection(d dice, w *world) bool {
	if one(w.projection) == nil || len(w.stored) < 2 {
		return false
	}
	n := 1 + d.index(len(w.stored)-1)
	r := replay(w.stored[:n])
	if n == len(w.stored)-1 { // an event that was never applied leaves the same
		w.also(compare.EventSkipped, compare.SkippedLateCommit, compare.SkippedEqualTimestamp, compare.EventTypeIgnored)
	}
	w.projection = []row{r}
	return r.exists
}

func doubleProjection(d dice, w *world) bool {
	r := one(w.projection)
	if r == nil {
		return false
	}
	other := *r
	if d.oneIn(2) {
		other.edit(d)
	}
	w.projection = []row{*r, other}
	return true
}

func zoneProjection(d dice, w *world) bool {
	r := one(w.projection)
	if r == nil {
		return false
	}
	field, was := "updated_at", r.updated
	if d.oneIn(2) {
		field, was = "created_at", r.created
	}
	r.set(field, order.Value{Text: order.TimestamptzText(was.Add(zone(d)))})
	return true
}

func floatProjection(_ dice, w *world) bool {
	r := one(w.projection)
	if r == nil || r.market {
		return false
	}
	text := strconv.FormatFloat(float64(float32(float64(r.price)/10_000)), 'f', -1, 64)
	if same(order.Value{Text: text}, r.value("price")) {
		return false
	}
	r.set("price", order.Value{Text: text})
	return true
}
