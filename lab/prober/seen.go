package prober

import (
	"cmp"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Seen is what clients saw.
type Seen struct {
	Writes, Reads Service
	// Lost are acknowledged writes that a later write of the same register did not find.
	Lost int
	// Stale are reads at the new side that miss a write which legacy acknowledged before the read began.
	Stale int
	// OneRegister says that all writes can be put into one order in which each found the write before it. It is false if two sides took
	// writes at the same time, or if a write was lost.
	OneRegister bool
}

// Service is how requests of one kind were answered.
type Service struct {
	Answered, Failed int
	// Outage is the longest time without an answer, and Again when the first one came after it.
	Outage, Again time.Duration
	// Sides are the sides in the order in which they first answered; a side is named again if it answers after another one.
	Sides []string
}

// See reads a history.
func See(entries []Entry) Seen {
	entries = slices.SortedStableFunc(slices.Values(entries), func(a, b Entry) int { return cmp.Compare(a.Ended, b.Ended) })
	var s Seen
	s.Writes, s.Reads = serve(entries, Write), serve(entries, Read)
	for _, of := range byRegister(entries) {
		s.Lost += lost(of)
		s.Stale += stale(of)
	}
	s.OneRegister = porcupine.CheckOperations(swaps, operations(entries))
	return s
}

func serve(entries []Entry, did string) (s Service) {
	var last time.Duration
	for _, e := range entries {
		switch {
		case e.Did != did:
			continue
		case e.Error != "":
			s.Failed++
			continue
		}
		if gap := e.Ended - last; s.Answered > 0 && gap > s.Outage {
			s.Outage, s.Again = gap, e.Ended
		}
		if len(s.Sides) == 0 || s.Sides[len(s.Sides)-1] != e.Side {
			s.Sides = append(s.Sides, e.Side)
		}
		last, s.Answered = e.Ended, s.Answered+1
	}
	return s
}

func byRegister(entries []Entry) map[int][]Entry {
	of := map[int][]Entry{}
	for _, e := range entries {
		of[e.Register] = append(of[e.Register], e)
	}
	return of
}

// lost counts the writes of one register that were acknowledged and not found by the next one.
func lost(entries []Entry) (n int) {
	acknowledged := []int64{1}
	for _, e := range entries {
		if e.Did != Write || e.Error != "" {
			continue
		}
		// A higher number is of a write whose answer was lost.
		for len(acknowledged) > 0 && acknowledged[len(acknowledged)-1] > e.Before {
			acknowledged = acknowledged[:len(acknowledged)-1]
			n++
		}
		acknowledged = append(acknowledged, e.N)
	}
	return n
}

// legacy is the side whose writes the new side must show from the switch of reads on. The newest writes of the new side itself may not be
// shown yet.
const legacy = "legacy"

func stale(entries []Entry) (n int) {
	for _, read := range entries {
		if read.Did != Read || read.Error != "" || read.Side == legacy {
			continue
		}
		if slices.ContainsFunc(entries, func(e Entry) bool {
			return e.Did == Write && e.Error == "" && e.Side == legacy && e.Ended < read.Began && e.N > read.N
		}) {
			n++
		}
	}
	return n
}
