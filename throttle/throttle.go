// Package throttle decides when a pass may go on reading, so that it costs the databases no more than their owner allows.
//
// Invariant: a limit that is given is kept or named. What could not be observed is an error, and never "go on". Deciding is pure;
// a [Pacer] observes, waits and reports only through functions that it was given.
package throttle

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrUnseen is returned if the role may not see what a limit is about.
	ErrUnseen = errors.New("a limit of throttle cannot be kept, because the role may not see the other sessions")
	// ErrHours is returned if the hours end while a pass holds a snapshot.
	ErrHours = errors.New("throttle.hours ended before everything was compared")
)

// Limits are what the owner of the databases allows. The zero value has no limit.
type Limits struct {
	// RowsPerSecond is how many rows of one side may be read in a second.
	RowsPerSecond int64
	// MaxSessions is with how many active sessions of others on a side's server the pass still reads.
	MaxSessions int64
	// MaxReplicaLag is how far a standby of a side's server may be behind.
	MaxReplicaLag time.Duration
	// Hours are when passes over everything may read.
	Hours Hours
	// SlotReserve is how many bytes of WAL must be left before a replication slot loses what its consumer has not read.
	// Only work that writes has it.
	SlotReserve int64
}

// Given is true if there is a limit.
func (l Limits) Given() bool { return l.RowsPerSecond > 0 || l.Observed() || l.Hours.Given() }

// Observed is true if a server must be asked.
func (l Limits) Observed() bool { return l.MaxSessions > 0 || l.MaxReplicaLag > 0 || l.SlotReserve > 0 }

// Reason names the limit that a pass waits for; the same string in configuration, metrics and API.
type Reason string

// The reasons, in the order in which they are looked at.
const (
	OutOfHours    Reason = "hours"
	TooBusy       Reason = "max_sessions"
	ReplicaBehind Reason = "max_replica_lag"
	SlotBehind    Reason = "slot_reserve"
	Paced         Reason = "rows_per_second"
)

// Reasons are those of the limits that are given.
func (l Limits) Reasons() (given []Reason) {
	for _, r := range []struct {
		Reason
		given bool
	}{{OutOfHours, l.Hours.Given()}, {TooBusy, l.MaxSessions > 0}, {ReplicaBehind, l.MaxReplicaLag > 0}, {SlotBehind, l.SlotReserve > 0}, {Paced, l.RowsPerSecond > 0}} {
		if r.given {
			given = append(given, r.Reason)
		}
	}
	return given
}

// Load is what a server shows.
type Load struct {
	Sessions   int64 // active sessions of others
	ReplicaLag time.Duration
	Replica    string // the standby that is furthest behind
	Slot       Slot   // the replication slot that is nearest to losing its WAL
}

// Slot is a replication slot, whose consumer needs WAL that the server keeps only up to a limit.
type Slot struct {
	Name, Status string // as in pg_replication_slots; no name if there is none
	Safe         int64  // bytes that can be written before it loses something
	Limit        int64  // bytes that the server keeps for it; 0 if that is not known
}

// Decision is whether to go on.
type Decision struct {
	// Reason is empty to go on.
	Reason Reason
	// Text says in words what the pass waits for.
	Text string
	// Until is when it is worth looking again; zero if only another observation tells.
	Until time.Time
}

// Decide says whether a side may be read now. The rate is not part of it, because it is kept by pauses.
func (l Limits) Decide(side string, seen Load, now time.Time) Decision {
	switch {
	case !l.Hours.Open(now):
		next := l.Hours.Next(now)
		return Decision{OutOfHours, fmt.Sprintf("outside the hours %s, until %s", l.Hours, next.In(l.Hours.Zone).Format("2006-01-02 15:04")), next}
	case l.MaxSessions > 0 && seen.Sessions > l.MaxSessions:
		return Decision{Reason: TooBusy, Text: fmt.Sprintf("%d active %s on %s, limit %d", seen.Sessions, plural(seen.Sessions, "session"), side, l.MaxSessions)}
	case l.MaxReplicaLag > 0 && seen.ReplicaLag > l.MaxReplicaLag:
		return Decision{Reason: ReplicaBehind, Text: fmt.Sprintf("standby %s of %s is %s behind, limit %s", seen.Replica, side, seen.ReplicaLag.Round(100*time.Millisecond), l.MaxReplicaLag)}
	case l.ForSlot(seen):
		return Decision{Reason: SlotBehind, Text: fmt.Sprintf("replication slot %s of %s is %s, with %d MiB of WAL left before it loses something, limit %d MiB",
			seen.Slot.Name, side, seen.Slot.Status, seen.Slot.Safe>>20, l.reserve(seen.Slot)>>20)}
	}
	return Decision{}
}

// ForSlot is true if a replication slot has too little WAL left: less than the reserve, or than half of what the server
// keeps if that is less.
func (l Limits) ForSlot(seen Load) bool {
	s := seen.Slot
	return l.SlotReserve > 0 && s.Name != "" && (s.Safe < l.reserve(s) || s.Status == "unreserved")
}

func (l Limits) reserve(s Slot) int64 {
	if s.Limit > 0 {
		return min(l.SlotReserve, s.Limit/2)
	}
	return l.SlotReserve
}

func plural(n int64, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

const (
	leastChunk = 1000
	mostChunk  = 100_000
	perSecond  = 40 // chunks
)

// Chunk is how many rows to read in one statement: about a fortieth of a second by the rate, and of a usual server's work
// otherwise.
func (l Limits) Chunk() int64 {
	if l.RowsPerSecond == 0 {
		return mostChunk
	}
	return min(max(l.RowsPerSecond/perSecond, leastChunk), mostChunk)
}

// rate spreads rows over time. It gives no credit for more than a moment, so that a slow second is not made up for by a
// fast one.
type rate struct {
	perSecond int64
	due       time.Time // until when rows that were read have been paid for
}

// credit is how much of a pause may have passed while rows were read.
const credit = 200 * time.Millisecond

// pay returns how long to pause after rows were read.
func (r *rate) pay(rows int64, now time.Time) time.Duration {
	if r.perSecond == 0 {
		return 0
	}
	if r.due.Before(now.Add(-credit)) {
		r.due = now.Add(-credit)
	}
	r.due = r.due.Add(time.Duration(float64(rows) / float64(r.perSecond) * float64(time.Second)))
	return max(r.due.Sub(now), 0)
}
