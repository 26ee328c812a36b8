package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestAFollowerOfASliceFindsWhatIsInIt, and is silent about the other orders of the topic, whose events it does not see.
func TestAFollowerOfASliceFindsWhatIsInIt(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 1000)
	s.live()
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	const where = "order_id % 2 = 0"
	sliced := strings.NewReplacer("changed_at: updated_at}", `changed_at: updated_at, where: "`+where+`"}`, "events: {", `events: {where: "`+where+`", `).Replace(string(text))
	if strings.Count(sliced, where) != 3 {
		t.Fatal(sliced)
	}
	s.file = writeConfig(t, "sliced", sliced)
	s.follow()
	caughtUp := func() {
		t.Helper()
		last := rows(t, s.EventsDSN, "SELECT max(event_id) FROM event_store WHERE "+where)
		eventually(t, s.EventsDSN, "SELECT checked >= "+last+" FROM crosscheck.stream_state", "t")
	}
	caughtUp()
	s.wantFound(nil)
	var want []string
	outside := 0
	for _, fault := range []string{"lost_publish", "duplicate_publish", "schema_drift"} {
		planted, err := s.Plant(deadline(t), fault, 6)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range planted {
			if p.OrderID%2 == 0 {
				want = append(want, strconv.FormatInt(p.OrderID, 10)+"|"+p.Kind+"|"+p.Cause)
			} else {
				outside++
			}
		}
	}
	if len(want) == 0 || outside == 0 {
		t.Fatalf("%d faults in the slice, %d outside", len(want), outside)
	}
	caughtUp()
	eventually(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence WHERE state = 'open' AND hop = 'events->stream'", strconv.Itoa(len(want)))
	caughtUp()
	s.wantFound(want)
	if err := s.StopDesk(); err != nil {
		t.Fatal(err)
	}
	caughtUp()
	eventually(t, s.EventsDSN, "SELECT stored = (SELECT count(*) FROM event_store WHERE event_id >= claimed_from AND "+where+") FROM crosscheck.stream_state", "t")
	eventually(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.stream_unmatched", "0")
	if got := rows(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence WHERE order_key ~ '[13579]$'"); got != "0" {
		t.Errorf("%s divergences of orders outside of the slice", got)
	}
}
