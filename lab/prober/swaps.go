package prober

import (
	"math"

	"github.com/anishathalye/porcupine"
)

// swaps is a register each of whose writes returns the number before it. Two sides that take writes at the same time do not know each
// other's numbers, so no order of their writes fits.
var swaps = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		of := map[int][]porcupine.Operation{}
		for _, o := range history {
			r := o.Input.(Entry).Register //nolint:forcetypeassert // operations made it
			of[r] = append(of[r], o)
		}
		for _, part := range of {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return int64(1) },
	Step: func(state, input, _ any) (bool, any) {
		e := input.(Entry) //nolint:forcetypeassert // operations made it
		return e.Error != "" || e.Before == state, e.N
	},
}

// operations are the writes of a history. One whose answer was lost may take effect at any later time, or never: then it is the last.
func operations(entries []Entry) (all []porcupine.Operation) {
	for _, e := range entries {
		if e.Did != Write {
			continue
		}
		ended := int64(e.Ended)
		if e.Error != "" {
			ended = math.MaxInt64
		}
		all = append(all, porcupine.Operation{ClientId: e.Register, Input: e, Call: int64(e.Began), Return: ended})
	}
	return all
}
