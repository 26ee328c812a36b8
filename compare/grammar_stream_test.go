package compare_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/faulttest"
	"github.com/nordvarg/crosscheck/order"
)

// streamTrials are the cases of the topic.
func streamTrials(in *faulttest.Language, n seeds) (trials []grammarTrial) {
	name := string(order.EventsToStream) + "|"
	faults := faulttest.StreamFaults()
	for _, f := range faults {
		trials = append(trials, grammarTrial{name + f.Name, func(s *score) {
			for seed := range n.onStream {
				s.stream(in, seed, f)
			}
		}})
		for _, g := range faults {
			trials = append(trials, grammarTrial{pairOf(order.EventsToStream, order.EventsToStream) + "|two faults", func(s *score) {
				for seed := range n.pairsOnStream {
					s.stream(in, seed, f, g)
				}
			}})
		}
	}
	return trials
}

func (s *score) stream(in *faulttest.Language, seed uint64, faults ...faulttest.StreamFault) {
	c, ok := in.Stream(seed, faults...)
	if !ok {
		return
	}
	s.cases++
	d := c.Streamed.Diagnose()
	of := faulttest.Case{Reading: compare.Reading{Events: c.Streamed.Stored}}
	for _, f := range faults {
		of.Faults = append(of.Faults, faulttest.Fault{Name: f.Name, Hop: order.EventsToStream})
	}
	right := faulttest.Expected{Observable: c.Observable, Hops: []order.Hop{order.EventsToStream}, Causes: c.Causes()}
	var found []compare.Diagnosis
	if d.Verdict == compare.Diverged {
		found = append(found, d)
	}
	s.side(of, right, found)
}

// TestCleanStreamsInFlightAreNotAccused: messages come in order after their events, or just before them, and partitions
// may have been added once.
func TestCleanStreamsInFlightAreNotAccused(t *testing.T) {
	streamsInFlight(t, faulttest.Orders, inOrdinary(t, 20_000, 50_000))
}

func TestCleanStreamsInAnotherLanguageAreNotAccusedInFlight(t *testing.T) {
	streamsInFlight(t, faulttest.Desk, inAnother(t, 20_000))
}

func streamsInFlight(t *testing.T, in *faulttest.Language, n uint64) {
	t.Helper()
	for seed := range n {
		c, ok := in.Stream(seed)
		if !ok {
			continue
		}
		s := c.Streamed
		n := int(seed) % (len(s.Stored) + 1) //nolint:gosec // a small number
		s.Due = s.Stored[0].At.Add(-time.Hour)
		if n > 0 {
			s.Due = s.Stored[n-1].At // what was stored since may not be there yet
			for _, e := range s.Stored[n:] {
				if !e.At.After(s.Due) {
					s.Due = e.At.Add(-time.Microsecond)
				}
			}
		}
		late := slices.DeleteFunc(slices.Clone(s.Messages), func(m compare.StreamedMessage) bool {
			return n < len(s.Stored) && m.Event.Position >= s.Stored[n].Position
		})
		early := s
		early.Stored = s.Stored[:max(n, 1)]
		s.Messages = late
		for which, s := range map[string]compare.Streamed{"late": s, "early": early} {
			if d := s.Diagnose(); d.Verdict != compare.Match && d.Verdict != compare.Lagging {
				t.Fatalf("seed %d, messages %s: %s %s: %s", seed, which, d.Verdict, d.Cause, d.Reason)
			}
		}
	}
}
