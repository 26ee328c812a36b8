package compare_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

var (
	status = order.Field{Name: "status", Type: order.Text}
	filled = order.Field{Name: "filled", Type: order.Numeric}
	fields = []order.Field{status, filled}
)

func text(s string) order.Value { return order.Value{Text: s} }

func row(values ...order.Value) order.Row { return order.Row{Key: "1", Values: values} }

func rows(r ...order.Row) []order.Row { return r }

type rowsCase struct {
	name               string
	legacy, projection []order.Row
	want               string
}

func rowsCases() []rowsCase {
	open, openToo, done := row(text("OPEN"), text("1.0")), row(text("OPEN"), text("1.00")), row(text("FILLED"), text("2"))
	return []rowsCase{
		{"absent on both sides", nil, nil, "match"},
		{"equal", rows(open), rows(openToo), "match"},
		{"only legacy", rows(open), nil, "missing"},
		{"only projection", nil, rows(open), "phantom"},
		{"another value", rows(open), rows(done), "differs status filled"},
		{"NULL and empty", rows(row(text(""), order.Null)), rows(row(order.Null, order.Null)), "differs status"},
		{"twice in legacy", rows(open, open), rows(open), "duplicate"},
		{"twice in the projection", rows(open), rows(open, open), "duplicate"},
		{"twice in legacy, else nowhere", rows(open, open), nil, "duplicate"},
		{"twice in the projection, else nowhere", nil, rows(open, open), "duplicate"},
		{"the same twice on both sides", rows(open, done), rows(done, openToo), "match"},
		{"twice on both sides, one of them another", rows(open, done), rows(open, open), "duplicate"},
		{"twice against thrice", rows(open, open), rows(open, open, open), "duplicate"},
	}
}

func TestRowsTellsTheKind(t *testing.T) {
	for _, test := range rowsCases() {
		t.Run(test.name, func(t *testing.T) {
			got := "match"
			if m := compare.Rows(fields, "1", test.legacy, test.projection); m != nil {
				got = string(m.Kind)
				for _, f := range m.Fields {
					got += " " + f.Name
				}
				if m.Key != "1" || m.Hop != order.LegacyToProjection || m.LegacyCopies != len(test.legacy) || m.ProjectionCopies != len(test.projection) {
					t.Errorf("mismatch is %+v", m)
				}
			}
			if got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

func TestRowsShowsBothValues(t *testing.T) {
	m := compare.Rows(fields, "1", rows(row(text("OPEN"), text("1"))), rows(row(text("OPEN"), order.Null)))
	one, null := text("1"), order.Null
	want := []compare.FieldDifference{{Name: "filled", Legacy: &one, Projection: &null}}
	if diff := cmp.Diff(want, m.Fields); diff != "" {
		t.Error(diff)
	}
}

func anyRows(t *rapid.T, label string) []order.Row {
	value := rapid.SampledFrom([]order.Value{order.Null, text(""), text("1"), text("1.0"), text("2"), text("N"), text("1:1")})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.Row {
		return row(value.Draw(t, "status"), rapid.SampledFrom([]order.Value{order.Null, text("1"), text("1.0"), text("-1")}).Draw(t, "filled"))
	}), 0, 4).Draw(t, label)
}

func TestRowsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRows(t, "a"), anyRows(t, "b")
		if m := compare.Rows(fields, "1", a, a); m != nil {
			t.Errorf("rows differ from themselves: %+v", m)
		}
		there, back := compare.Rows(fields, "1", a, b), compare.Rows(fields, "1", b, a)
		if (there == nil) != (back == nil) {
			t.Errorf("%+v one way, %+v the other", there, back)
		}
		shuffled := slices.Clone(a)
		slices.Reverse(shuffled)
		if m := compare.Rows(fields, "1", a, shuffled); m != nil {
			t.Errorf("rows in another order differ: %+v", m)
		}
		if m := compare.Rows(fields, "1", a, append(slices.Clone(a), row(text("1"), text("1")))); m == nil {
			t.Error("one row more was not seen")
		}
	})
}

func TestStateTellsMovementFromRest(t *testing.T) {
	at := time.Date(2024, 5, 1, 0, 0, 0, 1000, time.UTC)
	changed := func(r order.Row, at time.Time) order.Row { r.ChangedAt = at; return r }
	state := func(r ...order.Row) string {
		o := compare.Observe(fields, "1", r, nil, at, time.Time{})
		p := compare.Observe(fields, "1", nil, r, at, time.Time{})
		if o.LegacyState != p.ProjectionState || o.ProjectionState != "" || p.LegacyState != "" {
			t.Errorf("states are %+v and %+v", o, p)
		}
		return o.LegacyState
	}
	a, b := row(text("a"), text("1")), row(text("b"), text("2"))
	if state(a, b) != state(b, a) {
		t.Error("the order in which duplicates come looks like movement")
	}
	seen := map[string]string{}
	for name, s := range map[string]string{
		"nothing": state(), "a": state(a), "b": state(b), "both": state(a, b), "a twice": state(a, a),
		"changed": state(changed(a, at)), "changed later": state(changed(a, at.Add(time.Microsecond))),
		"NULL first": state(row(order.Null, text("a"))), "NULL last": state(row(text("a"), order.Null)),
		"N": state(row(text("N"), text("a"))), "boundary": state(row(text("1:a"), text("1"))), "boundary moved": state(row(text("1"), text(":a1:1"))),
	} {
		if other, taken := seen[s]; taken {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[s] = name
	}
}

func TestObserveTakesLegacysLastWrite(t *testing.T) {
	early, late := time.Unix(100, 0).UTC(), time.Unix(200, 0).UTC()
	a, b := row(text("a"), text("1")), row(text("b"), text("2"))
	a.ChangedAt, b.ChangedAt = late, early
	o := compare.Observe(fields, "1", rows(a, b), rows(a), late, early)
	if !o.LegacyChangedAt.Equal(late) || !o.ProjectionReached.Equal(early) || len(o.Mismatches) != 1 || o.Mismatches[0].Kind != compare.Duplicate {
		t.Errorf("observed %+v", o)
	}
}

// TestFindingsKeepTheBeginningOfWideValues: values are compared whole, and a finding holds no megabytes.
func TestFindingsKeepTheBeginningOfWideValues(t *testing.T) {
	wide := strings.Repeat("ä", 50_000)
	fields := []order.Field{{Name: "note", Type: order.Text}}
	row := func(text string) []order.Row {
		return []order.Row{{Key: "1", Values: []order.Value{{Text: text}}}}
	}
	m := compare.Rows(fields, "1", row(wide), row(wide+"!"))
	if m == nil || m.Kind != compare.Differs {
		t.Fatalf("a difference behind 100 kB is %+v", m)
	}
	got := m.Fields[0].Legacy.Text
	if len(got) > 600 || !strings.HasPrefix(got, "ää") || !strings.HasSuffix(got, "…)") || !strings.Contains(got, "… (100,000 bytes, SHA-256 ") || !utf8.ValidString(got) {
		t.Errorf("the finding holds %d bytes: %.40q … %q", len(got), got, got[max(0, len(got)-30):])
	}
	if compare.Rows(fields, "1", row(wide), row(wide)) != nil {
		t.Error("equal wide values differ")
	}
}
