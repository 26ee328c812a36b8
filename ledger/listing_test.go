package ledger_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// listed are the keys that a filter selects, read a few at a time.
func listed(t *testing.T, l *ledger.Ledger, f board.Filter) (keys []string) {
	t.Helper()
	for after := (board.Place{}); ; {
		found, err := l.ListDivergences(t.Context(), f, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range found {
			keys = append(keys, string(d.Mismatch.Key))
			after = board.Place{FirstSeen: d.FirstSeen, ID: d.ID}
		}
		if len(found) < 2 {
			return keys
		}
	}
}

func TestListings(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	found := suspects(7)
	for i := 3; i < 5; i++ { // two that differ in fields
		m := &found[i].Observation.Mismatches[0]
		m.Kind, m.Cause = compare.Differs, compare.StaleProjection
		m.Fields = []compare.FieldDifference{{Name: "status"}, {Name: fmt.Sprintf("f%d", i)}}
		found[i].FirstSeen = t0.Add(-time.Duration(i) * time.Hour)
	}
	diverged := run{verify.Full, "now", t0, verify.Scan{}, outcomes(found, compare.Diverged), compare.Diverged}.in(t, l)
	run{verify.Full, "before", t0, verify.Scan{}, outcomes(suspects(1), compare.Diverged), compare.Diverged}.in(t, l)
	later := suspects(1)
	later[0].Observation.At = t0.Add(time.Hour)
	clean := run{verify.Sample, "now", t0.Add(time.Hour), verify.Scan{Compared: 1, Coverage: 1}, outcomes(later, compare.Match), compare.Diverged}.in(t, l)
	accept(t, l, "1", "")

	for name, c := range map[string]struct {
		filter board.Filter
		want   []string
	}{
		"open, oldest first":      {board.Filter{Fingerprint: "now", State: verify.Open}, []string{"4", "3", "2", "5", "6"}},
		"of any fingerprint":      {board.Filter{State: verify.Open, Key: "0"}, []string{"0"}},
		"accepted":                {board.Filter{Fingerprint: "now", State: verify.Accepted}, []string{"1"}},
		"resolved":                {board.Filter{Fingerprint: "now", State: verify.Resolved}, []string{"0"}},
		"all, newest first":       {board.Filter{Fingerprint: "now"}, []string{"6", "5", "2", "1", "0", "3", "4"}},
		"of an order":             {board.Filter{Fingerprint: "now", Key: "3"}, []string{"3"}},
		"of a hop":                {board.Filter{Fingerprint: "now", Hop: order.EventsToStream}, nil},
		"of a kind":               {board.Filter{Fingerprint: "now", Kind: "differs"}, []string{"3", "4"}},
		"of a cause":              {board.Filter{Fingerprint: "now", Cause: string(compare.StaleProjection)}, []string{"3", "4"}},
		"of a cause nobody knows": {board.Filter{Fingerprint: "now", Cause: board.NoCause, State: verify.Open}, []string{"2", "5", "6"}},
		"of a field":              {board.Filter{Fingerprint: "now", Field: "f4"}, []string{"4"}},
		"older":                   {board.Filter{Fingerprint: "now", Before: t0.Add(-3 * time.Hour)}, []string{"4"}},
	} {
		if got := listed(t, l, c.filter); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	counts, err := l.CountDivergences(t.Context(), board.Filter{Fingerprint: "now", State: verify.Open})
	if err != nil {
		t.Fatal(err)
	}
	same(t, counts, board.Counts{
		Groups: []gate.OpenDivergences{
			{Hop: order.LegacyToProjection, Kind: "missing", Count: 3, Oldest: t0},
			{Hop: order.LegacyToProjection, Kind: "differs", Cause: string(compare.StaleProjection), Count: 2, Oldest: t0.Add(-4 * time.Hour)},
		},
		Fields: []board.FieldCount{{Field: "status", Count: 2}, {Field: "f3", Count: 1}, {Field: "f4", Count: 1}},
	}, "the counts")

	for name, c := range map[string]struct {
		filter board.PassFilter
		want   verify.PassID
	}{
		"of a kind":    {board.PassFilter{Kind: verify.Sample}, clean},
		"of a verdict": {board.PassFilter{Verdict: "diverged"}, clean},
		"before":       {board.PassFilter{Before: diverged + 1}, diverged},
	} {
		passes, err := l.ListPasses(t.Context(), c.filter, 1)
		if err != nil || len(passes) != 1 || passes[0].ID != c.want {
			t.Errorf("passes %s: %v, %v, want %d", name, passes, err, c.want)
		}
	}
	answersForLists(t, l)
}

// answersForLists accepts exactly what a list has, or nothing if it has another number.
func answersForLists(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	open := board.Filter{Fingerprint: "now", State: verify.Open}
	for _, c := range []struct {
		given string
		of    board.Filter
		seen  int64
		dry   bool
		err   error
		left  []string
	}{
		{"another number", board.Filter{Kind: "differs"}, 3, false, ledger.ErrOtherNumber, []string{"4", "3", "2", "5", "6"}},
		{"none any more", board.Filter{Kind: "phantom"}, 1, false, ledger.ErrOtherNumber, []string{"4", "3", "2", "5", "6"}},
		{"everything", board.Filter{}, 5, false, ledger.ErrNothingSelected, []string{"4", "3", "2", "5", "6"}},
		{"only counted", board.Filter{Kind: "differs"}, 2, true, nil, []string{"4", "3", "2", "5", "6"}},
		{"a field among others", board.Filter{Field: "f4"}, 1, false, nil, []string{"3", "2", "5", "6"}},
		{"without a cause", board.Filter{Cause: board.NoCause, Kind: "missing", Hop: order.LegacyToProjection}, 3, false, nil, []string{"3"}},
	} {
		c.of.Fingerprint = "now"
		if _, err := l.AcceptListed(t.Context(), c.of, c.seen, answered(never), c.dry); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.given, err, c.err)
		}
		if left := listed(t, l, open); !slices.Equal(left, c.left) {
			t.Errorf("%s: %v are open, want %v", c.given, left, c.left)
		}
	}
	if _, err := l.WithdrawListed(t.Context(), board.Filter{Fingerprint: "now", Field: "status"}, 1, false); err != nil {
		t.Error(err)
	}
	if left := listed(t, l, open); !slices.Equal(left, []string{"4", "3"}) {
		t.Errorf("withdrawn: %v are open", left)
	}
}

func TestTheChainIsListedNewestFirst(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	record(t, l, gate.NoGo)
	decided := record(t, l, gate.Go)
	approval, err := l.Approve(t.Context(), gate.Approval{Who: "bob", Ticket: "OPS-1", Cutover: "digest", Until: t0.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	links, err := l.ListDecisions(t.Context(), 0, 2)
	if err != nil || len(links) != 2 || links[0].Seq != 3 || links[0].Hash != approval.Hash || links[0].Prev != decided.Hash || links[1].Answer != "GO" {
		t.Errorf("%+v, %v", links, err)
	}
	for _, k := range links {
		if k.Flaw != "" {
			t.Errorf("link %d of a sound chain: %s", k.Seq, k.Flaw)
		}
	}
	if links, err = l.ListDecisions(t.Context(), 2, 10); err != nil || len(links) != 1 || links[0].Seq != 1 || links[0].Prev != "" || links[0].Flaw != "" || !json.Valid(links[0].Evidence) {
		t.Errorf("before the second: %+v, %v", links, err)
	}
}

func TestChangesAreKept(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	for _, action := range []string{"accept", "recheck"} {
		id, err := l.BeginChange(t.Context(), board.Change{Who: "alice\x00", Role: "operator", Action: action, Request: json.RawMessage(`{"orders":["1"]}`)})
		if err != nil {
			t.Fatal(err)
		}
		if action == "accept" {
			if err := l.EndChange(t.Context(), id, "done"); err != nil {
				t.Fatal(err)
			}
		}
	}
	changes, err := l.ListChanges(t.Context(), 0, 10)
	if err != nil || len(changes) != 2 || changes[0].Action != "recheck" || changes[0].Outcome != "" || changes[1].Outcome != "done" || changes[1].Who != "alice\uFFFD" || changes[1].At.IsZero() {
		t.Errorf("%+v, %v", changes, err)
	}
	if changes, err = l.ListChanges(t.Context(), changes[0].ID, 10); err != nil || len(changes) != 1 || string(changes[0].Request) != `{"orders":["1"]}` {
		t.Errorf("before the newest: %+v, %v", changes, err)
	}
}
