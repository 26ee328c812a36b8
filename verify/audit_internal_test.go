package verify

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// TestFoldsFollowOnlyFromWhatExplainsThem: nobody changes an order by not being named, and a disorder of times changes times alone.
func TestFoldsFollowOnlyFromWhatExplainsThem(t *testing.T) {
	ends := []history.Moment{{Field: "updated_at", Log: order.Value{Text: "2026-05-01 12:00:00.5+00"}}, {Field: "price", Log: order.Value{Text: "2026.05"}}}
	moments := []history.Moment{{Field: "price", Log: order.Value{Text: "1"}}}
	for _, test := range []struct {
		found history.Audited
		want  string
	}{
		{history.Audited{Legacy: []history.Finding{{Kind: history.ActorMissing}, {Kind: history.UnknownField}}}, "updated_at price price"},
		{history.Audited{Legacy: []history.Finding{{Kind: history.ActorMissing}, {Kind: history.FilledMismatch}}}, ""},
		{history.Audited{Legacy: []history.Finding{{Kind: history.TimeDisorder}}}, "price price"},
		{history.Audited{Legacy: []history.Finding{{Kind: history.TimeDisorder}, {Kind: history.BrokenChain}}}, ""},
		{history.Audited{Deviants: []history.Deviant{{Kind: history.ExtraEvent}}}, ""},
	} {
		test.found.Ends, test.found.Moments = ends, moments
		is, got := unexplained(test.found), ""
		for _, m := range slices.Concat(is.Ends, is.Moments) {
			got = fmt.Sprintf("%s %s", got, m.Field)
		}
		if test.want != "" {
			test.want = " " + test.want
		}
		if got != test.want || len(ends) != 2 || ends[0].Field != "updated_at" {
			t.Errorf("%+v: %s, want %s", test.found, got, test.want)
		}
	}
}
