package faulttest

import (
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// legacyFaults are done to the legacy row, past its own record.
func legacyFaults() []Fault {
	fault := func(name string, plant func(dice, *world) bool, causes ...compare.Cause) Fault {
		return Fault{Name: name, Hop: order.LegacyItself, Causes: causes, when: inRows, plant: plant}
	}
	return []Fault{
		fault("legacy row edited", editLegacy, compare.DirectEdit),
		fault("legacy row rounded", roundLegacy, compare.DirectEdit),
		fault("legacy row deleted", deleteLegacy, compare.DirectEdit),
		fault("legacy row restored to an older state", restoreLegacy, compare.DirectEdit, compare.LostUpdate),
		fault("change of the legacy row overwritten", overwrite, compare.LostUpdate),
		fault("legacy row twice", doubleLegacy, compare.DuplicateRow),
	}
}

func editLegacy(d dice, w *world) bool {
	r := one(w.legacy)
	if r == nil {
		return false
	}
	was := len(r.edited)
	r.edit(d)
	r.unstamped = true
	return len(r.edited) > was
}

func roundLegacy(_ dice, w *world) bool {
	r := one(w.legacy)
	if r == nil || r.market || cents(r.price) == r.price {
		return false
	}
	r.set("price", order.Value{Text: amount(cents(r.price))})
	return true
}

func deleteLegacy(_ dice, w *world) bool {
	w.legacy = nil
	return true
}

func restoreLegacy(d dice, w *world) bool {
	if one(w.legacy) == nil || len(w.ops) < 2 {
		return false
	}
	w.legacy = []row{written(w.ops[:1+d.index(len(w.ops)-1)])}
	return true
}

// overwrite leaves out one change, and keeps those after it.
func overwrite(d dice, w *world) bool {
	if one(w.legacy) == nil || len(w.ops) < 3 {
		return false
	}
	i := 1 + d.index(len(w.ops)-2)
	w.legacy = []row{written(without(w.ops, i, i+1))}
	return true
}

func doubleLegacy(d dice, w *world) bool {
	r := one(w.legacy)
	if r == nil {
		return false
	}
	other := *r
	if d.oneIn(2) {
		other.edit(d)
	}
	w.legacy = []row{*r, other}
	return true
}
