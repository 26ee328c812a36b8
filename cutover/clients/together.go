package clients

import (
	"cmp"
	"time"
)

// Together joins what processes saw that took over from each other. Nobody knows what clients saw between them, so that counts as a time without
// an answer. What was seen after writers could go on is another time: it is not joined.
func Together(all []Seen) (joined []Seen) {
	for _, next := range all {
		if n := len(joined); n > 0 && !joined[n-1].Complete {
			joined[n-1] = joined[n-1].and(next)
		} else {
			joined = append(joined, next)
		}
	}
	return joined
}

func (s Seen) and(next Seen) Seen {
	shift := next.At.Sub(s.At).Milliseconds()
	s.Writes = together(s.Writes, next.Writes, s.At, next.Until, shift)
	s.Reads = together(s.Reads, next.Reads, s.At, next.Until, shift)
	if next.At.After(s.Until) {
		s.NotAsked = append(s.NotAsked, Gap{s.Until, next.At})
	}
	s.Until, s.Complete, s.Every = next.Until, next.Complete, max(s.Every, next.Every)
	return s
}

// together joins questions of one kind: those that were asked from began, and those that were asked until ended.
func together(before, after *Service, began, ended time.Time, shift int64) *Service {
	if before == nil || after == nil { // one process had another configuration
		return cmp.Or(before, after)
	}
	s := *before
	s.Asked, s.Failed, s.FirstError = s.Asked+after.Asked, s.Failed+after.Failed, cmp.Or(s.FirstError, after.FirstError)
	from, to := began, ended
	if s.Last != nil {
		from = *s.Last
	}
	if after.First != nil {
		to = *after.First
	}
	s.gap(from, to, after.First)
	if after.Outage > s.Outage {
		s.Outage, s.OutageBegan, s.Again = after.Outage, after.OutageBegan, after.Again
	}
	for _, t := range after.Turns {
		s.turn(t)
	}
	s.First, s.Last = cmp.Or(s.First, after.First), cmp.Or(after.Last, s.Last)
	for _, p := range after.Points {
		if len(s.Points) < mostPoints {
			s.Points = append(s.Points, [3]int64{p[0] + shift, p[1], p[2]})
		}
	}
	return &s
}
