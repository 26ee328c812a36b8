package web

import (
	"cmp"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Flow is the four representations and the hops between them, as they were last seen.
type Flow struct {
	Boxes map[order.Representation]Box // those that are configured
	Hops  map[order.Hop]HopState       // the same
}

// Box is what is known of one representation.
type Box struct {
	Count *int64 // nil if nothing was counted
	Of    string // what is counted
	Note  string
}

// HopState is what is known of one hop.
type HopState struct {
	Open   int64     // divergences
	Oldest time.Time // of them; zero if there are none
	Lag    string    // how far the target is behind
	Late   bool      // the target is not followed or is away
	Share  string    // how much of the source the target has
	Known  bool      // somebody has looked
	// Through is the watermark: until when everything at the hop is verified, or of the stream, read; zero if nothing is.
	Through time.Time
}

func newFlow(b board.Board) Flow {
	f := Flow{Boxes: map[order.Representation]Box{order.Legacy: {}, order.Projection: {}}, Hops: map[order.Hop]HopState{}}
	counted := b.Evidence.Counting()
	if full := b.Evidence.Full; full != nil && full.Coverage == 1 && full.LegacyRows+full.ProjectionRows > 0 { // it may be newer, without groups
		counted = full
	}
	if counted != nil {
		of := fmt.Sprintf("orders, counted by %s pass %d", counted.Kind, counted.ID)
		f.Boxes[order.Legacy] = Box{Count: &counted.LegacyRows, Of: of}
		f.Boxes[order.Projection] = Box{Count: &counted.ProjectionRows, Of: of}
	}
	f.Hops[order.LegacyToProjection] = HopState{Known: counted != nil || b.Evidence.Sample != nil}
	if fields := b.Settings.Fields; fields != nil && fields.Events {
		f.events(b)
	}
	if b.Settings.Stream {
		f.stream(b)
	}
	if w := b.Evidence.Verified; w != nil {
		for _, of := range []order.Hop{order.LegacyToProjection, order.LegacyToEvents, order.EventsToProjection} {
			if hop, configured := f.Hops[of]; configured {
				hop.Through = w.Through
				f.Hops[of] = hop
			}
		}
	}
	for _, o := range b.Open {
		hop := f.Hops[o.Hop]
		if hop.Open += o.Count; hop.Oldest.IsZero() || o.Oldest.Before(hop.Oldest) {
			hop.Oldest = o.Oldest
		}
		f.Hops[o.Hop] = hop
	}
	return f
}

func (f Flow) events(b board.Board) {
	box, shadow, projected := Box{}, HopState{}, HopState{}
	if e := b.Evidence.Events; e != nil {
		box = Box{Count: &e.Orders, Of: "orders, folded from their events"}
		shadow.Known, projected.Known = true, true
		if e.Legacy > 0 {
			shadow.Share = human.Percent(float64(e.WithEvents)/float64(e.Legacy)) + " of legacy's orders have their events"
		}
		if e.Archived > 0 {
			box.Note = human.Number(e.Archived) + " archived"
		}
	}
	if l := b.Evidence.Lag; l != nil {
		projected.Lag = "no lag"
		if l.Events > 0 || l.Behind > 0 {
			projected.Lag = fmt.Sprintf("%s behind, %s", human.Quantity(l.Events, "event", "events"), human.Duration(l.Behind))
		}
	}
	f.Boxes[order.Events], f.Hops[order.LegacyToEvents], f.Hops[order.EventsToProjection] = box, shadow, projected
}

func (f Flow) stream(b board.Board) {
	box, hop := Box{}, HopState{Lag: "not followed yet"}
	if e := b.Stream.Evidence; e != nil {
		box, hop.Known, hop.Through = Box{Count: &e.Seen, Of: "stored events found in the topic"}, true, e.CaughtUpAt
		if e.Stored > 0 {
			hop.Share = human.Percent(float64(e.Seen)/float64(e.Stored)) + " of stored events are published"
		}
		hop.Lag = "no lag"
		if e.LagMessages > 0 {
			hop.Lag = human.Quantity(e.LagMessages, "message behind", "messages behind")
		}
		if e.Gaps > 0 {
			box.Note = human.Quantity(e.Gaps, "hole", "holes") + " by retention"
		}
	}
	if at := b.Stream.Stopped; !at.IsZero() {
		hop.Lag, hop.Late = "not followed since "+human.Instant(at), true
	}
	f.Boxes[order.Stream], f.Hops[order.EventsToStream] = box, hop
}

// flowView is the picture for the page.
type flowView struct {
	Legacy, Events, Stream, Projection         boxView
	ToEvents, ToStream, ToProjection, EndToEnd hopView
}

type boxView struct {
	Name, Table, Count, Of, Note string
	Off                          bool // not configured
}

type hopView struct {
	Hop, Tone, Said, Age, Lag, Share string
	Through, At                      string // how long ago the watermark was, and when
	Open                             int64
	Off, Late                        bool
}

func flowOf(s Status, c Compared) *flowView {
	box := func(of order.Representation) boxView {
		b, configured := s.Flow.Boxes[of]
		v := boxView{Name: string(of), Off: !configured, Of: b.Of, Note: b.Note, Count: "–"}
		for _, p := range c.Places {
			if p.Representation == string(of) {
				v.Table = p.Table
			}
		}
		if b.Count != nil {
			v.Count = human.Number(*b.Count)
		}
		v.Of = cmp.Or(v.Of, "not counted yet")
		return v
	}
	hop := func(of order.Hop) hopView {
		h, configured := s.Flow.Hops[of]
		v := hopView{Hop: string(of), Off: !configured, Open: h.Open, Lag: h.Lag, Share: h.Share, Late: h.Late, Tone: "unknown", Said: "not looked at yet"}
		switch {
		case h.Open > 0:
			v.Tone, v.Said, v.Age = "bad", human.Number(h.Open)+" open", "oldest "+human.Duration(s.At.Sub(h.Oldest))
		case h.Late:
			v.Said = "not known"
		case h.Known:
			v.Tone, v.Said = "good", "0 open"
		}
		if !h.Through.IsZero() {
			v.Through, v.At = "verified through "+ago(s.At, h.Through), human.Instant(h.Through)
			if of == order.EventsToStream {
				v.Through = "read through " + ago(s.At, h.Through)
			}
		}
		return v
	}
	return &flowView{
		Legacy: box(order.Legacy), Events: box(order.Events), Stream: box(order.Stream), Projection: box(order.Projection),
		ToEvents: hop(order.LegacyToEvents), ToStream: hop(order.EventsToStream), ToProjection: hop(order.EventsToProjection), EndToEnd: hop(order.LegacyToProjection),
	}
}
