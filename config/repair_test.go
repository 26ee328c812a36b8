package config_test

import (
	"strings"
	"testing"
)

// TestColumnsOfRepairsAreFieldsOfEvents, because a plan takes their values from the fold.
func TestColumnsOfRepairsAreFieldsOfEvents(t *testing.T) {
	const events = "events: {dsn: postgres://127.0.0.1/e}\n"
	c, err := parse(t, complete+events+"repair: {projection: public.kept, columns: {filled_notional: notional}}\n")
	if err != nil || c.Repair.Projection != "public.kept" || c.Repair.Columns["filled_notional"] != "notional" {
		t.Errorf("read %+v, %v", c.Repair, err)
	}
	for text, want := range map[string]string{
		"repair: {columns: {paid: notionel}}\n": `repair.columns.paid: "notionel" is no field that events.fold changes`,
		"repair: {table: kept}\n":               "repair.table",
	} {
		if _, err := parse(t, complete+events+text); err == nil || !strings.Contains(render(t, err), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
