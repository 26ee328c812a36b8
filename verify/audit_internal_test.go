package verify

import (
	"testing"

	"github.com/nordvarg/crosscheck/history"
)

// TestFoldsFollowOnlyFromWhatExplainsThem: nobody changes an order by not being named.
func TestFoldsFollowOnlyFromWhatExplainsThem(t *testing.T) {
	for _, test := range []struct {
		found history.Audited
		want  bool
	}{
		{history.Audited{Legacy: []history.Finding{{Kind: history.ActorMissing}, {Kind: history.UnknownField}}}, false},
		{history.Audited{Legacy: []history.Finding{{Kind: history.ActorMissing}, {Kind: history.FilledMismatch}}}, true},
		{history.Audited{Deviants: []history.Deviant{{Kind: history.ExtraEvent}}}, true},
	} {
		if explained(test.found) != test.want {
			t.Errorf("%+v: want %v", test.found, test.want)
		}
	}
}
