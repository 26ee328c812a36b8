// Package clients asks as clients do while a cutover is in its window, and says what they saw of it.
//
// Invariant: an outage is never told shorter than it was. It lasts from one answer to the next, so it may be told longer by the time between
// two questions. A question that waits is a client that waits: it has no answer from when it was asked, whatever others get meanwhile, and if it
// fails, until the next answer.
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

// Seen is what was seen of a run by the clients' way: by one process, or by those that took over from each other ([Together]).
type Seen struct {
	At    time.Time `json:"at"`    // when it began to ask
	Until time.Time `json:"until"` // when it was kept last, or ended to ask
	// Complete says that it was asked until clients could go on. Otherwise the process asks still, or is gone.
	Complete bool     `json:"complete"`
	Every    float64  `json:"every_seconds"`
	NotAsked []Gap    `json:"not_asked,omitempty"` // the times between two processes
	Writes   *Service `json:"writes,omitempty"`    // nil if writes are not asked for
	Reads    *Service `json:"reads,omitempty"`
}

// Gap is a time in which nobody asked.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Service is how questions of one kind were answered.
type Service struct {
	Asked  int `json:"asked"`
	Failed int `json:"failed"`
	// Outage is the longest time without an answer. It began at OutageBegan, with the last answer before it, or with a question that had to wait.
	Outage      float64   `json:"longest_outage_seconds"`
	OutageBegan time.Time `json:"outage_began"`
	// Again is the first answer after it; nil if there was none while it was asked.
	Again *time.Time `json:"answered_again,omitempty"`
	// Turns are the sides in the order in which they first answered. A side is named again if it answers after another one.
	Turns []Turn `json:"turns"`
	// First and Last are the first answer and the last; nil if there was none.
	First      *time.Time `json:"first_answer,omitempty"`
	Last       *time.Time `json:"last_answer,omitempty"`
	FirstError string     `json:"first_error,omitempty"`
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
	s := newSum(began)
	for _, a := range slices.SortedStableFunc(slices.Values(answers), func(a, b Answer) int { return a.Ended.Compare(b.Ended) }) {
		s.add(a)
	}
	return s.until(ended)
}

// sum takes answers in the order in which they arrive.
type sum struct {
	Service
	began, last time.Time
	failing     time.Time // when the first was asked of those that have failed since the last answer; zero if none has
}

func newSum(began time.Time) sum {
	return sum{Service: Service{OutageBegan: began, Turns: []Turn{}}, began: began, last: began}
}

func (s *sum) add(a Answer) {
	s.Asked++
	s.point(a)
	if a.Side == Nobody {
		s.Failed++
		s.FirstError = cmp.Or(s.FirstError, a.Error)
		s.failing = earlier(s.failing, a.Began)
		return
	}
	s.gap(earlier(earlier(s.last, s.failing), a.Began), a.Ended, &a.Ended)
	s.failing = time.Time{}
	s.turn(Turn{a.Side, a.Ended})
	if s.Last = &a.Ended; s.First == nil {
		s.First = s.Last
	}
	s.last = a.Ended
}

// until is the sum so far; what was last answered may be long ago. Waiting are questions without a reply, by when they were asked.
func (s *sum) until(ended time.Time, waiting ...time.Time) *Service {
	so := s.Service
	so.Turns, so.Points = slices.Clone(s.Turns), slices.Clone(s.Points)
	from := earlier(s.last, s.failing)
	for _, asked := range waiting {
		from = earlier(from, asked)
	}
	so.gap(from, ended, nil)
	return &so
}

// earlier is the first of two times; the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (s *Service) turn(t Turn) {
	if n := len(s.Turns); n == 0 || s.Turns[n-1].Side != t.Side {
		s.Turns = append(s.Turns, t)
	}
}

// gap is a time without an answer.
func (s *Service) gap(from, to time.Time, again *time.Time) {
	if seconds := to.Sub(from).Seconds(); seconds > s.Outage {
		s.Outage, s.OutageBegan, s.Again = seconds, from, again
	}
}

func (s *sum) point(a Answer) {
	if len(s.Points) < mostPoints {
		code := slices.Index([]Side{Nobody, Legacy, New}, a.Side)
		s.Points = append(s.Points, [3]int64{a.Began.Sub(s.began).Milliseconds(), a.Ended.Sub(a.Began).Milliseconds(), int64(code)})
	}
}
