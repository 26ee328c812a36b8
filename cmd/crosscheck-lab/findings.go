package main

import (
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/lab"
)

// finding sets one planted order beside what crosscheck says of it.
type finding struct {
	planted lab.Planted
	found   *divergence // nil: not found
}

// right says whether the order was found with the kind and the fields that it was planted with.
func (f finding) right() bool {
	if f.found == nil || f.found.Kind != f.planted.Kind {
		return false
	}
	return f.planted.Kind != lab.Differs || slices.Equal(sorted(f.found.fieldNames()), sorted(f.planted.Fields))
}

// String says what was found where it is right, and both where it is not.
func (f finding) String() string {
	want := describe(f.planted.Kind, f.planted.Fields)
	switch {
	case f.found == nil:
		return "not found; planted: " + want
	case f.right():
		return want
	default:
		return fmt.Sprintf("%s; planted: %s", describe(f.found.Kind, f.found.fieldNames()), want)
	}
}

// judge sets what was planted beside what was found. Accused are the orders that were found and are clean.
func judge(planted []lab.Planted, found []divergence) (findings []finding, accused []divergence) {
	byOrder := make(map[string]*divergence, len(found)) // order id → what was found
	for i := range found {
		byOrder[found[i].OrderID] = &found[i]
	}
	for _, p := range planted {
		findings = append(findings, finding{p, byOrder[orderID(p.OrderID)]})
		delete(byOrder, orderID(p.OrderID))
	}
	for i := range found {
		if byOrder[found[i].OrderID] == &found[i] {
			accused = append(accused, found[i])
		}
	}
	return findings, accused
}

// tally counts what was found rightly of one fault, and names the kinds that were planted.
func tally(findings []finding, fault string) (right, all int, kinds []string) {
	for _, f := range findings {
		if f.planted.Fault != fault {
			continue
		}
		all++
		if f.right() {
			right++
		}
		kinds = append(kinds, f.planted.Kind)
	}
	return right, all, slices.Compact(sorted(kinds))
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
