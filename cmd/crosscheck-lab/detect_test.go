package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab"
)

// tried is a fault planted in two orders, of which nothing was found yet.
func tried(hop, cause string, orders ...int64) *trial {
	f := lab.Fault{Name: "a_fault", Hop: hop, Cause: cause}
	r := detected{fault: f, found: map[string]bool{}, right: map[string]bool{}, by: map[string]bool{}}
	for _, id := range orders {
		r.planted = append(r.planted, lab.Planted{OrderID: id, Hop: hop, Cause: cause})
	}
	return &trial{results: []detected{r}}
}

func open(order, hop, cause string) divergence {
	return divergence{OrderID: order, Hop: hop, Cause: cause, FoundBy: "stream"}
}

func TestAFaultIsDetectedOnlyWithTheRightHopAndCause(t *testing.T) {
	d := tried(lab.LegacyToEvents, "ghost_event", 7, 8)
	if match(d.results, []divergence{open("7", lab.LegacyToEvents, "ghost_event"), open("8", lab.LegacyToEvents, "lost_shadow_write")}) {
		t.Error("a wrong cause was taken for the right one")
	}
	if r := d.results[0]; len(r.found) != 2 || len(r.right) != 1 || !errors.Is(d.judged(), errWrong) {
		t.Errorf("%d found, %d right, %v", len(r.found), len(r.right), d.judged())
	}
	if !match(d.results, []divergence{open("8", lab.LegacyToEvents, "ghost_event")}) || d.judged() != nil {
		t.Errorf("all was found, and yet %v", d.judged())
	}
	if row := d.table(); !strings.Contains(row, "| `a_fault` |") || !strings.Contains(row, "| stream | 2 of 2 | 2 of 2 |") {
		t.Errorf("the table is\n%s", row)
	}
}

func TestAFindingAboutTheTopicCountsForItsOrders(t *testing.T) {
	d := tried(lab.EventsToStream, "unkeyed_publish", 7, 8)
	if match(d.results, []divergence{open("9", lab.EventsToStream, "unkeyed_publish")}) {
		t.Error("another order's finding was taken for these")
	}
	if !match(d.results, []divergence{open("(topic orders)", lab.EventsToStream, "unkeyed_publish")}) {
		t.Error("the topic's finding does not count")
	}
}

func TestAnAccusedOrderFailsTheTrial(t *testing.T) {
	d := tried(lab.LegacyItself, "direct_edit")
	d.accused = []divergence{open("3", lab.LegacyItself, "direct_edit")}
	if err := d.judged(); !errors.Is(err, errWrong) || !strings.Contains(err.Error(), "order 3 was reported") {
		t.Errorf("judged: %v", err)
	}
}

func TestATableIsWrittenBetweenItsMarksOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("a\n"+detectionBegins+"old\n"+detectionEnds+"\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeBetween(file, detectionBegins, detectionEnds, "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "a\n"+detectionBegins+"new\n"+detectionEnds+"\nb\n" {
		t.Errorf("%v, the page is\n%s", err, got)
	}
	if err := os.WriteFile(file, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeBetween(file, detectionBegins, detectionEnds, "new\n"); err == nil {
		t.Error("a page without marks was written to")
	}
}

func TestWhoeverWasNotPlantedIsAccused(t *testing.T) {
	d := tried(lab.LegacyToEvents, "ghost_event", 7)
	if !d.planted(open("7", lab.LegacyItself, "lost_update")) || d.planted(open("8", lab.LegacyToEvents, "ghost_event")) {
		t.Error("accusations are of orders, whatever they are called")
	}
}
