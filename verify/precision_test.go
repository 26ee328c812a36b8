package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// TestTimesOfAnotherPrecisionAreToldAsThat: one end keeps no more than whole seconds of what the other has to the microsecond.
func TestTimesOfAnotherPrecisionAreToldAsThat(t *testing.T) {
	const orders = 3000
	timed := func(unit, odd time.Duration) []order.Row {
		return altered(dense(orders), func(i int, r *order.Row) {
			at := time.Date(2026, 1, 5, 10, 11, 12, 745_678_000, time.UTC).Add(time.Duration(i) * 61 * time.Second).Truncate(unit)
			if i == 0 || i%100 != 0 {
				at = at.Add(odd)
			}
			r.Values[0].Text = order.TimestamptzText(at)
		})
	}
	micros, seconds, days := timed(time.Microsecond, 0), timed(time.Second, 0), timed(24*time.Hour, 0)
	for name, test := range map[string]struct {
		legacy, projection, events []order.Row
		said                       string
	}{
		"legacy and events":       {seconds, seconds, micros, "legacy's times are whole seconds, the events' are not: cut both with an expression such as date_trunc('second', …), or leave"},
		"events and legacy":       {micros, micros, seconds, "the events' times are whole seconds, legacy's are not: "},
		"legacy and projection":   {seconds, micros, nil, "legacy's times are whole seconds, the projection's are not: "},
		"days":                    {seconds, days, nil, "the projection's times are whole days, legacy's are not: cut both with an expression such as date_trunc('day', …)"},
		"milliseconds":            {timed(time.Millisecond, 0), micros, nil, "legacy's times are whole milliseconds, the projection's are not: "},
		"wrong, of one precision": {micros, timed(time.Microsecond, time.Hour), nil, ""},
		"wrong, both in seconds":  {seconds, timed(time.Second, time.Hour), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			told := func(reason string) {
				t.Helper()
				if !strings.Contains(reason, "field `status` differs in ") || !strings.Contains(reason, test.said) || test.said == "" && strings.Contains(reason, "times are") {
					t.Errorf("said %q, want %q", reason, test.said)
				}
			}
			w := newWorld(t, test.legacy, test.projection)
			if test.events == nil {
				told(w.must(w.sample(t.Context(), 2000)).Result.Reason)
				told(w.must(w.full(t.Context())).Result.Reason)
				return
			}
			w.Events = &eventStore{histories: map[order.Key][]order.Event{}}
			w.Folded = &verify.Folded{Legacy: w.legacy, Events: sourcetest.New(order.Events, table(test.events)), Fields: fields}
			told(w.must(w.full(t.Context())).Result.Reason)
		})
	}
}
