package web

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
)

// allFour is a board with all representations, and something of note at each hop.
func allFour() board.Board {
	full := &gate.Pass{ID: 22, Kind: "full", Coverage: 1, LegacyRows: 1000, ProjectionRows: 999, Counts: []gate.GroupCount{{Group: "OPEN", Legacy: 1000, Projection: 999}}}
	return board.Board{
		At: now, Settings: board.Settings{Fields: &gate.Fields{Events: true}, Stream: true},
		Evidence: gate.Evidence{
			Full: full, Counted: &gate.Pass{ID: 3, Kind: "full", LegacyRows: 7}, Verified: &gate.Watermark{Through: now.Add(-time.Minute)}, Events: &gate.EventsEvidence{Orders: 998, Legacy: 1000, WithEvents: 990, Archived: 5},
			Lag: &gate.LagEvidence{Events: 3, Behind: 2 * time.Second},
		},
		Stream: board.Stream{Evidence: &gate.StreamEvidence{Stored: 400, Seen: 300, LagMessages: 7, Gaps: 1, CaughtUpAt: now.Add(-5 * time.Second)}},
		Open: []gate.OpenDivergences{
			{Hop: order.EventsToProjection, Kind: "differs", Count: 2, Oldest: now.Add(-time.Hour)}, {Hop: order.EventsToProjection, Kind: "missing", Count: 1200, Oldest: now.Add(-2 * time.Hour)},
		},
	}
}

func TestTheFlowSaysWhatIsKnownAtEachHop(t *testing.T) {
	view := flowOf(NewStatus(allFour()), Compared{Places: []Place{{Representation: "stream", Table: "orders"}}})
	through := func(h hopView) hopView {
		h.Through, h.At = "verified through 1m ago", "2026-11-23 07:59:00 UTC"
		return h
	}
	want := &flowView{
		Legacy:       boxView{Name: "legacy", Count: "1,000", Of: "orders, counted by full pass 22"},
		Events:       boxView{Name: "events", Count: "998", Of: "orders, folded from their events", Note: "5 archived"},
		Stream:       boxView{Name: "stream", Table: "orders", Count: "300", Of: "stored events found in the topic", Note: "1 hole by retention"},
		Projection:   boxView{Name: "projection", Count: "999", Of: "orders, counted by full pass 22"},
		ToEvents:     through(hopView{Hop: "legacy->events", Tone: "good", Said: "0 open", Share: "99 % of legacy's orders have their events"}),
		ToProjection: through(hopView{Hop: "events->projection", Tone: "bad", Said: "1,202 open", Open: 1202, Age: "oldest 2h", Lag: "3 events behind, 2s"}),
		EndToEnd:     through(hopView{Hop: "legacy->projection", Tone: "good", Said: "0 open"}),
		ToStream: hopView{
			Hop: "events->stream", Tone: "good", Said: "0 open", Lag: "7 messages behind", Share: "75 % of stored events are published",
			Through: "read through 5s ago", At: "2026-11-23 07:59:55 UTC",
		},
	}
	if diff := cmp.Diff(want, view); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNotConfiguredOrNotKnownIsNotSaidToBeWell(t *testing.T) {
	view := flowOf(NewStatus(board.Board{At: now}), Compared{})
	if !view.Events.Off || !view.Stream.Off || !view.ToEvents.Off || !view.ToProjection.Off || !view.ToStream.Off {
		t.Errorf("%+v", view)
	}
	if view.Legacy.Off || view.Legacy.Count != "–" || view.EndToEnd.Tone != "unknown" || view.EndToEnd.Said != "not looked at yet" || view.EndToEnd.Through != "" {
		t.Errorf("%+v", view)
	}
	b := allFour()
	b.Open, b.Stream.Stopped = nil, now.Add(-time.Hour)
	if hop := flowOf(NewStatus(b), Compared{}).ToStream; hop.Tone != "unknown" || hop.Said != "not known" || !hop.Late || hop.Lag != "not followed since 2026-11-23 07:00:00 UTC" {
		t.Errorf("a stream that nobody follows: %+v", hop)
	}
	b.Stream = board.Stream{}
	if hop := flowOf(NewStatus(b), Compared{}).ToStream; hop.Tone != "unknown" || hop.Lag != "not followed yet" {
		t.Errorf("a stream that nobody has followed: %+v", hop)
	}
}
