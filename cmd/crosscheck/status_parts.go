package main

import (
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/metrics"
)

// judgedParts adds what is known of parts of the orders: those of one status and age, and legacy's recorded changes.
func judgedParts(m *metrics.Snapshot, e gate.Evidence) {
	if c := e.Changes; c != nil && c.Changes > 0 {
		m.ChangeCompleteness = append(m.ChangeCompleteness, metrics.Completeness{
			Hop: string(compare.LegacyToEvents), Ratio: float64(c.WithEvents) / float64(c.Changes),
		})
	}
	if e.Full != nil {
		for _, s := range e.Full.Strata {
			m.Coverage = append(m.Coverage, metrics.Coverage{Status: s.Group, Age: s.Age, Ratio: s.Share()})
		}
	}
}
