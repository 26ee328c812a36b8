package faulttest

import (
	"slices"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Fault is one thing that goes wrong with an order at one hop.
type Fault struct {
	Name   string
	Hop    order.Hop
	Causes []compare.Cause // those that are right
	when   phase
	plant  func(d dice, w *world) bool // false if the order has nothing that can go wrong in this way
}

// phase is when a fault happens: data flows from the store to the projection, and people edit rows last.
type phase int

const (
	inStore phase = iota
	whileProjecting
	inRows
	afterwards // the store is changed, and the projection has shown what it said before
)

// world is one order in all representations, as they come to be.
type world struct {
	ops        []op // what the application did
	stored     []op // the events, in the order of their positions
	applied    []op // what the projector applies, in its order
	legacy     []row
	projection []row
	history    *history.Record
	right      []compare.Cause // causes that are right too, by what the fault has met
}

// also adds causes that are right for this order.
func (w *world) also(causes ...compare.Cause) { w.right = append(w.right, causes...) }

// newPosition is a position after all others.
func (w *world) newPosition() order.Position { return w.stored[len(w.stored)-1].position + 1 }

func (w *world) sort() {
	slices.SortStableFunc(w.stored, func(a, b op) int { return int(a.position - b.position) })
}

// Faults lists every fault of rows and events.
func Faults() []Fault {
	return slices.Concat(legacyFaults(), storeFaults(), projectorFaults(), rowFaults())
}

// without is a copy without the elements of [i, j).
func without[T any](of []T, i, j int) []T { return slices.Delete(slices.Clone(of), i, j) }

// moved is a copy in which an element has another index.
func moved[T any](of []T, from, to int) []T {
	return slices.Insert(without(of, from, from+1), to, of[from])
}
