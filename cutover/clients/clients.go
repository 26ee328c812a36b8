// Package clients asks as clients do while a cutover is in its window, and says what they saw of it.
//
// Invariant: an outage is never told shorter than it was. It lasts from one answer to the next, so it may be told longer by the time between
// two questions.
package clients

import (
	"cmp"
	"slices"
	"time"
)

// Side is who has answered.
type Side string

// The sides. Nobody is the side of a question that failed.
const (
	Nobody Side = ""
	Legacy Side = "legacy"
	New    Side = "new"
)

// Answer is one question, and what became of it.
type Answer struct {
	Began, Ended time.Time
	Side         Side
	Error        string
}

// Seen is what one process saw of a run, asking by the clients' way.
type Seen struct {
	At     time.Time `json:"at"` // when it began to ask
	Every  float64   `json:"every_seconds"`
	Writes *Service  `json:"writes,omitempty"` // nil if writes are not asked for
	Reads  *Service  `json:"reads,omitempty"`
}

// Service is how questions of one kind were answered.
type Service struct {
	Asked  int `json:"asked"`
	Failed int `json:"failed"`
	// Outage is the longest time without an answer. It began at OutageBegan, with the last answer before it.
	Outage      float64   `json:"longest_outage_seconds"`
	OutageBegan time.Time `json:"outage_began"`
	// Again is the first answer after it; nil if there was none while it was asked.
	Again *time.Time `json:"answered_again,omitempty"`
	// Turns are the sides in the order in which they first answered. A side is named again if it answers after another one.
	Turns      []Turn `json:"turns"`
	FirstError string `json:"first_error,omitempty"`
	// Points are the questions, for a drawing: when each began, in milliseconds since the asking began; how many it took; and 0 if it
	// failed, 1 if legacy answered, 2 if the new side did.
	Points [][3]int64 `json:"points,omitempty"`
}

// Turn is when a side began to answer.
type Turn struct {
	Side  Side      `json:"side"`
	Since time.Time `json:"since"`
}

// mostPoints are drawn; a window of five minutes has a third of them.
const mostPoints = 5000

// Sum says what all answers together mean, of questions that were asked from began to ended.
func Sum(answers []Answer, began, ended time.Time) *Service {
	answers = slices.SortedStableFunc(slices.Values(answers), func(a, b Answer) int { return a.Ended.Compare(b.Ended) })
	s := &Service{Asked: len(answers), OutageBegan: began, Turns: []Turn{}}
	last := began
	for _, a := range answers {
		s.point(a, began)
		if a.Side == Nobody {
			s.Failed++
			s.FirstError = cmp.Or(s.FirstError, a.Error)
			continue
		}
		s.gap(last, a.Ended, new(a.Ended))
		if n := len(s.Turns); n == 0 || s.Turns[n-1].Side != a.Side {
			s.Turns = append(s.Turns, Turn{a.Side, a.Ended})
		}
		last = a.Ended
	}
	s.gap(last, ended, nil)
	return s
}

// gap is a time without an answer.
func (s *Service) gap(from, to time.Time, again *time.Time) {
	if seconds := to.Sub(from).Seconds(); seconds > s.Outage {
		s.Outage, s.OutageBegan, s.Again = seconds, from, again
	}
}

func (s *Service) point(a Answer, began time.Time) {
	if len(s.Points) < mostPoints {
		code := slices.Index([]Side{Nobody, Legacy, New}, a.Side)
		s.Points = append(s.Points, [3]int64{a.Began.Sub(began).Milliseconds(), a.Ended.Sub(a.Began).Milliseconds(), int64(code)})
	}
}
