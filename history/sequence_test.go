package history_test

import (
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

func TestLinesOfOneTimeContinueEachOther(t *testing.T) {
	line := func(at int, field, was, is string) history.Line {
		return history.Line{At: minute(at), Field: field, Old: order.Value{Text: was}, New: order.Value{Text: is}}
	}
	want := []history.Line{
		line(1, "status", "NEW", "OPEN"),
		line(2, "price", "10", "11"),
		line(2, "status", "OPEN", "PARTIALLY_FILLED"), line(2, "status", "PARTIALLY_FILLED", "FILLED"), line(2, "status", "FILLED", "CANCELED"),
		line(3, "status", "CANCELED", "OPEN"), line(3, "status", "OPEN", "CANCELED"),
	}
	given := []history.Line{want[0], want[1], want[4], want[2], want[3], want[5], want[6]}
	if got := history.InSequence(given); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
