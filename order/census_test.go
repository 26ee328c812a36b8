package order_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
)

func TestCensusCountsByType(t *testing.T) {
	var c order.Census
	missing := &order.SchemaError{Kind: order.MissingKey, Detail: "the payload has no price"}
	c.Ignore("Viewed", 5)
	c.Add("Created", nil, "")
	c.Add("Created", nil, "a second creation")
	c.Add("Created", missing, "")
	c.Add("Created", &order.SchemaError{Kind: order.UnknownKey, Detail: "a key more"}, "")
	c.Add("Quoted", &order.SchemaError{Kind: order.UnknownType, Detail: "no such type"}, "")
	want := []order.Counted{
		{Type: "Viewed", All: 5, Ignored: 5},
		{Type: "Created", All: 4, Read: 3, Folded: 1, First: "the payload has no price"},
		{Type: "Quoted", All: 1, Unnamed: true, First: "no such type"},
	}
	if diff := cmp.Diff(want, c.Types()); diff != "" {
		t.Error(diff)
	}
	if got := c.Unusable("events"); got != "" {
		t.Errorf("2 of 5 cannot be read, and it says %q", got)
	}
	const gap = "2 of the newest 5 events cannot be read, and 2 have a problem. " +
		"Created: 1 of 4 cannot be read, the first because the payload has no price; Quoted: 1 of 1 cannot be read, the first because no such type"
	if got := c.Gap("events"); got != gap {
		t.Errorf("the gap is %q, want %q", got, gap)
	}
	c.Add("Created", missing, "")
	if got := c.Unusable("events"); got != "" {
		t.Errorf("3 of 6 cannot be read, and it says %q", got)
	}
	c.Add("Created", missing, "")
	if got := c.Unusable("events"); !strings.HasPrefix(got, "4 of the newest 7 events cannot be read, the first because ") {
		t.Errorf("4 of 7 cannot be read, and it says %q", got)
	}
	if got := new(order.Census).Unusable("events"); got != "" {
		t.Errorf("of no event it says %q", got)
	}
}
