package faulttest

import (
	"cmp"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Flight is an order of a system without a fault, while things happen to it. What is committed becomes visible late and not
// in its order, and the projection follows after a while.
type Flight struct {
	Fields []order.Field

	dice
	fields    []order.Field // by the model's names
	ops       []op
	committed []time.Time // when legacy shows the op
	visible   []time.Time // when the store shows its event
	refresh   time.Duration
	lag       time.Duration // of the projection, beyond the refresh
	stamped   bool
	status    bool // the audit log has the status
	record    int  // how much of legacy's own record is known: see known
}

// The limits within which a system in order stays, with a settle window of more than their sum.
const (
	mostCommit  = 900 * time.Millisecond // from the time of a write to its commit
	mostShadow  = 2 * time.Second        // from the commit in legacy to that of the event
	mostRefresh = 2500 * time.Millisecond
	mostBehind  = 40 * time.Second // of a projection that says how far it is
)

// Fly makes up the life of an order.
func (l *Language) Fly(seed uint64) *Flight {
	d := l.roll(seed)
	f := &Flight{dice: d, ops: draw(d, mostOps), fields: drawFields(d), stamped: !d.oneIn(3), status: d.oneIn(3), record: d.index(recordParts)}
	f.Fields = l.named(f.fields)
	faster := time.Duration(d.between(1, 60))
	for i := range f.ops {
		f.ops[i].at = f.ops[0].at.Add((f.ops[i].at.Sub(f.ops[0].at) / faster).Truncate(time.Microsecond))
	}
	f.refresh = d.upTo(mostRefresh)
	far := f.stamped && d.oneIn(3)
	if far {
		f.lag = d.upTo(mostBehind)
	}
	last := f.ops[0].at
	for _, o := range f.ops {
		last = later(last, o.at).Add(d.upTo(mostCommit) / 10)
		f.committed = append(f.committed, last)
		seen := last
		if !far && d.oneIn(3) {
			seen = seen.Add(d.upTo(mostShadow))
		}
		f.visible = append(f.visible, seen)
	}
	return f
}

func (d dice) upTo(most time.Duration) time.Duration { return time.Duration(d.between(1, int64(most))) }

// Sometime is a moment at which something may be on its way.
func (f *Flight) Sometime() time.Time {
	last := f.committed[len(f.committed)-1].Add(20*time.Second + f.lag)
	return f.ops[0].at.Add(f.upTo(last.Sub(f.ops[0].at)))
}

// Look reads the order, beginning at that time: the rows first, and the events last.
func (f *Flight) Look(at time.Time) compare.Reading {
	atLegacy, atProjection := at.Add(f.upTo(50*time.Millisecond)), at.Add(f.upTo(50*time.Millisecond))
	read := later(atLegacy, atProjection).Add(f.upTo(200 * time.Millisecond))
	done := f.until(f.committed, atLegacy)
	legacy, projection := written(done), replay(f.until(f.visible, f.projected(atProjection)))
	r := compare.Reading{Key: Key, Events: f.in.events(f.until(f.visible, read)), History: f.in.record(known(record(done, f.status), f.record))}
	r.EventStore, r.At, r.NewestEvent = true, read, read.Add(-f.upTo(time.Second))
	r.Recorded = f.record != 0
	if f.stamped {
		r.ProjectionReached = f.projected(atProjection)
	}
	if legacy.exists {
		r.Legacy = rendered([]row{legacy}, f.fields, f.stamped)
	}
	if projection.exists {
		r.Projection = rendered([]row{projection}, f.fields, f.stamped)
	}
	return r
}

// projected is up to when the projection shows what is visible.
func (f *Flight) projected(at time.Time) time.Time { return at.Truncate(f.refresh).Add(-f.lag) }

// until are the ops whose time has come, in the order of their positions.
func (f *Flight) until(times []time.Time, at time.Time) (out []op) {
	for i, o := range f.ops {
		if !times[i].After(at) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b op) int { return cmp.Compare(a.position, b.position) })
	return out
}
