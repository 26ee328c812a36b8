package gate

import (
	"strings"
	"testing"
)

func TestChangesSayWhatIsDifferent(t *testing.T) {
	same := Part{"legacy", "public.orders, order_id"}
	long := strings.Repeat("select a, ", 20)
	for want, parts := range map[string][2][]Part{
		"":                        {{same}, {same}},
		"comparator 3 -> 4":       {{same, {"comparator", "3"}}, {same, {"comparator", "4"}}},
		"stream is new (orders)":  {{same}, {same, {"stream", "orders"}}},
		"stream is gone (orders)": {{same, {"stream", "orders"}}, {same}},
		"stream is new (a); fold.b is new (1)": {
			{same, {"fold", "x"}}, {same, {"fold", "x"}, {"stream", "a"}, {"stream.types", "b"}, {"fold.b", "1"}},
		},
		"events is gone (a)":                         {{same, {"events", "a"}, {"events.fold.A.b", "1"}, {"events.fold.C", "2"}}, {same}},
		"projection system identifier nothing -> 74": {{{"projection system identifier", ""}}, {{"projection system identifier", "74"}}},
		"legacy …t a, select a, from x -> …t a, select a, from y": {
			{{"legacy", long + "from x"}}, {{"legacy", long + "from y"}},
		},
		"a 1 -> 2; b 1 -> 2; c 1 -> 2; d 1 -> 2; e 1 -> 2; and 1 more": {parted("1"), parted("2")},
	} {
		if got := Changes(parts[0], parts[1]); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	if got := Changes(nil, []Part{same}); got != "" {
		t.Errorf("an unknown basis has changed: %q", got)
	}
}

func parted(text string) (parts []Part) {
	for name := range strings.SplitSeq("abcdef", "") {
		parts = append(parts, Part{name, text})
	}
	return parts
}
