package order_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

var start = time.Date(2024, 1, 1, 9, 30, 0, 0, time.UTC)

// tester is a test, or a property.
type tester interface {
	Helper()
	Fatal(args ...any)
}

// history decodes lines of "type payload"; the n-th is at position n, n seconds comes after start.
func history(t tester, lines ...string) []order.Event {
	t.Helper()
	var out []order.Event
	for i, line := range lines {
		eventType, payload, _ := strings.Cut(line, " ")
		e, err := order.Decode(order.RawEvent{
			Position: order.Position(i + 1), Key: "42", Type: eventType, At: start.Add(time.Duration(i+1) * time.Second), Payload: []byte(payload),
		}, order.Defaults())
		if err != nil && !strings.HasPrefix(eventType, "Bad") {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

const (
	created   = `OrderCreated {"trader_id": 7, "symbol": "NVDA", "side": "BUY", "quantity": 100, "price": 10}`
	part      = `OrderPartiallyFilled {"filled_quantity": 40, "remaining_quantity": 60, "price": 10}`
	rest      = `OrderFilled {"quantity": 60, "price": 10.01}`
	all       = `OrderFilled {"quantity": 100, "price": 10}`
	cancel    = `OrderCanceled {"reason": "x"}`
	repriced  = `OrderModified {"field": "price", "old_value": "10.0", "new_value": "11.5"}`
	enlarged  = `OrderModified {"field": "quantity", "old_value": "100", "new_value": "150"}`
	undecoded = `BadType {}`
)

// textOf is a field as a test shows it.
func textOf(s *order.State, field string) string {
	v, ok := s.Value(field)
	switch {
	case !ok:
		return "?"
	case v.Null:
		return "NULL"
	}
	return v.Text
}

// state is what the fold says, "status quantity@price filled@average updated".
func state(s order.State) string {
	if !s.Exists() {
		return "none"
	}
	text := func(field string) string { return textOf(&s, field) }
	return fmt.Sprintf("%s %s@%s %s@%s %s", text("status"), text("quantity"), text("price"), text("filled_quantity"), text("avg_fill_price"), text("updated_at"))
}

func TestFold(t *testing.T) {
	for _, test := range []struct {
		lines    []string
		want     string
		problems []string // "position kind"
	}{
		{nil, "none", nil},
		{[]string{created}, "OPEN 100@10 0@NULL 2024-01-01 09:30:01+00", nil},
		{[]string{created, repriced}, "OPEN 100@11.5 0@NULL 2024-01-01 09:30:02+00", nil},
		{[]string{created, part}, "PARTIALLY_FILLED 100@10 40@10.000000 2024-01-01 09:30:02+00", nil},
		{[]string{created, part, rest}, "FILLED 100@10 100@10.006000 2024-01-01 09:30:03+00", nil},
		{[]string{created, all}, "FILLED 100@10 100@10.000000 2024-01-01 09:30:02+00", nil},
		{[]string{created, part, cancel}, "CANCELED 100@10 40@10.000000 2024-01-01 09:30:03+00", nil},

		{[]string{part, created}, "OPEN 100@10 0@NULL 2024-01-01 09:30:02+00", []string{"1 not_created"}},
		{[]string{cancel}, "none", []string{"1 not_created"}},
		{[]string{created, part, created}, "PARTIALLY_FILLED 100@10 40@10.000000 2024-01-01 09:30:02+00", []string{"3 created_twice"}},
		{[]string{created, cancel, part}, "PARTIALLY_FILLED 100@10 40@10.000000 2024-01-01 09:30:03+00", []string{"3 fill_after_cancel"}},
		{[]string{created, all, cancel}, "CANCELED 100@10 100@10.000000 2024-01-01 09:30:03+00", []string{"3 cancel_after_fill"}},
		{[]string{created, cancel, cancel}, "CANCELED 100@10 0@NULL 2024-01-01 09:30:03+00", []string{"3 canceled_twice"}},
		{[]string{created, part, all}, "FILLED 100@10 140@10.000000 2024-01-01 09:30:03+00", []string{"3 overfill"}},
		{[]string{created, rest}, "FILLED 100@10 60@10.010000 2024-01-01 09:30:02+00", []string{"2 incomplete_fill"}},
		{[]string{created, all, repriced}, "FILLED 100@11.5 100@10.000000 2024-01-01 09:30:03+00", []string{"3 modify_after_end"}},
		{[]string{created, repriced, repriced}, "OPEN 100@11.5 0@NULL 2024-01-01 09:30:03+00", []string{"3 contradicts_history"}},
		{[]string{created, enlarged, part}, "PARTIALLY_FILLED 150@10 40@10.000000 2024-01-01 09:30:03+00", []string{"3 contradicts_history"}},
		{[]string{created, undecoded, part}, "PARTIALLY_FILLED 100@10 40@10.000000 2024-01-01 09:30:03+00", []string{"2 schema"}},
		{
			[]string{strings.Replace(created, "100", "0", 1), strings.Replace(part, "40", "-5", 1)},
			"PARTIALLY_FILLED 0@10 -5@10.000000 2024-01-01 09:30:02+00",
			[]string{"1 not_positive", "2 not_positive", "2 contradicts_history"},
		},
	} {
		s, problems := order.Fold(history(t, test.lines...))
		if got := state(s); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", strings.Join(test.lines, "\n"), got, test.want)
		}
		var got []string
		for _, p := range problems {
			got = append(got, fmt.Sprint(p.Position, " ", p.Kind))
		}
		if d := cmp.Diff(test.problems, got); d != "" {
			t.Errorf("%s\n%s", strings.Join(test.lines, "\n"), d)
		}
	}
}

func TestADuplicatePositionCountsOnceAndIsAFinding(t *testing.T) {
	events := history(t, created, part, rest)
	want, _ := order.Fold(events[:2])
	got, problems := order.Fold([]order.Event{events[0], events[1], events[1], events[0]})
	if state(got) != state(want) {
		t.Errorf("got %s, want %s", state(got), state(want))
	}
	if len(problems) != 2 || problems[0].Kind != order.ProblemDuplicate || problems[1].Kind != order.ProblemDisorder {
		t.Errorf("problems: %v", problems)
	}
}

func TestAnEventOfAnotherOrderIsNotApplied(t *testing.T) {
	events := history(t, created, part)
	events[1].Key = "43"
	s, problems := order.Fold(events)
	if state(s) != "OPEN 100@10 0@NULL 2024-01-01 09:30:01+00" || len(problems) != 1 || problems[0].Kind != order.ProblemOtherOrder {
		t.Errorf("%s, %v", state(s), problems)
	}
}

func TestSmallTradesAddUpExactly(t *testing.T) {
	events := history(t, created, strings.Replace(part, "40", "0.00005", 1), strings.Replace(part, "40", "0.00004", 1))
	s, _ := order.Fold(events)
	if got, want := state(s), "PARTIALLY_FILLED 100@10 0.00009@10.000000 2024-01-01 09:30:03+00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTimesPrintAsTimestamptz(t *testing.T) {
	for in, want := range map[string]string{
		"2024-01-01T00:00:00Z":                "2024-01-01 00:00:00+00",
		"2024-01-01T00:00:00.100Z":            "2024-01-01 00:00:00.1+00",
		"2024-01-01T01:00:00.000001+01:00":    "2024-01-01 00:00:00.000001+00",
		"2024-01-01T00:00:00.0000005Z":        "2024-01-01 00:00:00+00",
		"2024-01-01T00:00:00.0000015Z":        "2024-01-01 00:00:00.000002+00",
		"2023-12-31T23:59:59.999999501Z":      "2024-01-01 00:00:00+00",
		"0000-02-29T00:00:00Z":                "0001-02-29 00:00:00+00 BC",
		"0099-01-01T00:00:00.123456000+00:15": "0098-12-31 23:45:00.123456+00",
	} {
		parsed, ok := order.ParseTime(in)
		if got := order.TimestamptzText(parsed); !ok || got != want {
			t.Errorf("%s: got %s (%v), want %s", in, got, ok, want)
		}
	}
}

func drawn(clean bool) func(*rapid.T) []order.Event {
	return func(t *rapid.T) []order.Event {
		if clean {
			return ordertest.Clean(t, 12)
		}
		return ordertest.Odd(t, 12)
	}
}

// TestEveryTypeIsDrawn: the properties here and in compare hold only for the types that histories are drawn of.
func TestEveryTypeIsDrawn(t *testing.T) {
	drawnTypes := map[order.EventType]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for _, e := range ordertest.Clean(t, 12) {
			drawnTypes[e.Type] = true
		}
	})
	for _, eventType := range order.Defaults().Types() {
		if !drawnTypes[order.EventType(eventType)] {
			t.Errorf("no history has an event of type %s", eventType)
		}
	}
}

// values are all fields of a state, so that two states can be compared.
// fieldNames are the fields of the default schema.
var fieldNames = []string{
	"order_id", "trader_id", "symbol", "side", "quantity", "price", "status", "filled_quantity", "avg_fill_price", "created_at", "updated_at",
}

func values(s order.State) []order.Value {
	var out []order.Value
	for _, field := range fieldNames {
		v, _ := s.Value(field)
		out = append(out, v)
	}
	return out
}

func TestReplayOfAPrefixAndThenTheRestIsReplayOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.Custom(drawn(false)).Draw(t, "events")
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		all, problems := order.Fold(events)
		prefix, first := order.Fold(events[:cut])
		kept, before := prefix, values(prefix)
		for _, e := range events[cut:] {
			first = append(first, prefix.Apply(e)...)
		}
		if d := cmp.Diff(values(all), values(prefix)); d != "" {
			t.Errorf("state:\n%s", d)
		}
		if d := cmp.Diff(problems, first); d != "" {
			t.Errorf("problems:\n%s", d)
		}
		if d := cmp.Diff(before, values(kept)); d != "" {
			t.Errorf("a copy of the state has changed:\n%s", d)
		}
	})
}

func TestFoldIsDeterministicAndLeavesTheEventsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.Custom(drawn(false)).Draw(t, "events")
		was := fmt.Sprintf("%+v", events)
		a, p := order.Fold(events)
		b, q := order.Fold(events)
		if d := cmp.Diff(values(a), values(b)) + cmp.Diff(p, q); d != "" {
			t.Error(d)
		}
		if was != fmt.Sprintf("%+v", events) {
			t.Error("the events have changed")
		}
	})
}

func TestRepeatingEventsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.Custom(drawn(true)).Draw(t, "events")
		want, problems := order.Fold(events)
		if len(problems) != 0 {
			t.Errorf("a clean history has problems: %v", problems)
		}
		var doubled []order.Event
		for _, e := range events {
			doubled = append(doubled, slices.Repeat([]order.Event{e}, rapid.IntRange(1, 3).Draw(t, "copies"))...)
		}
		got, problems := order.Fold(doubled)
		if d := cmp.Diff(values(want), values(got)); d != "" {
			t.Error(d)
		}
		if len(problems) != len(doubled)-len(events) {
			t.Errorf("%d events too many, %d problems", len(doubled)-len(events), len(problems))
		}
	})
}

func TestQuantitiesAddUpInIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trades := rapid.SliceOfN(rapid.Int64Range(1, 1_000_000_000), 1, 20).Draw(t, "trades")
		events := history(t, strings.Replace(created, "100", "1e18", 1))
		var sum int64
		for i, trade := range trades {
			sum += trade
			events = append(events, ordertest.Event(order.Position(i+2), "42", start, ordertest.PartiallyFilled{Quantity: *apd.New(trade, -9), Price: *apd.New(1, 0)}))
		}
		s, _ := order.Fold(events)
		v, _ := s.Value("filled_quantity")
		if want := apd.New(sum, -9).Text('f'); v.Text != want {
			t.Errorf("got %s, want %s", v.Text, want)
		}
	})
}

func FuzzFold(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		s, _ := order.Fold(ordertest.Odd(t, 30))
		for _, field := range order.Defaults().Names() {
			if v, ok := s.Value(field); ok != s.Exists() || v.Null && v.Text != "" {
				t.Errorf("%s: %v %v", field, v, ok)
			}
		}
	}))
}

func BenchmarkFold(b *testing.B) {
	events := history(b, created, repriced, part, strings.NewReplacer("40", "30", "60", "30").Replace(part), strings.Replace(rest, "60", "30", 1))
	if _, problems := order.Fold(events); len(problems) > 0 {
		b.Fatal(problems)
	}
	for b.Loop() {
		s, _ := order.Fold(events)
		s.Value("avg_fill_price")
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkDecode(b *testing.B) {
	raw := order.RawEvent{Position: 1, Type: "OrderCreated", Key: "42", At: start, Payload: []byte(strings.TrimPrefix(created, "OrderCreated "))}
	for b.Loop() {
		if _, err := order.Decode(raw, order.Defaults()); err != nil {
			b.Fatal(err)
		}
	}
}
