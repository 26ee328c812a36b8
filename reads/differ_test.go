package reads_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/reads"
)

func inJSON(t testing.TB, text string) reads.Answer {
	t.Helper()
	if text == "404" {
		return reads.Answer{}
	}
	v, err := reads.ParseJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return reads.Answer{Value: v}
}

// inSQL is an answer of SQL, written as JSON.
func inSQL(t testing.TB, text string) reads.Answer {
	t.Helper()
	a := inJSON(t, text)
	a.Rows = true
	return a
}

func rules() reads.Rules {
	return reads.Rules{
		Fields: []order.Field{
			{Name: "price", Type: order.Numeric, Tolerance: apd.New(1, -2)}, {Name: "quantity", Type: order.Numeric}, {Name: "at", Type: order.Timestamptz},
		},
		Ignore: []string{"$.etag", "$.meta", "$.fills[*].id"},
	}
}

func ordered() reads.Rules { r := rules(); r.Ordered = true; return r }

type comparison struct {
	name               string
	rules              reads.Rules
	legacy, projection reads.Answer
	at                 []string // the paths that differ
}

func comparisons(t *testing.T) []comparison {
	j := func(text string) reads.Answer { return inJSON(t, text) }
	sql := func(text string) reads.Answer { return inSQL(t, text) }
	rows, turned := `[{"id": 1, "s": "A"}, {"id": 2, "s": "B"}]`, `[{"id": 2, "s": "B"}, {"id": 1, "s": "A"}]`
	return []comparison{
		{"the same", rules(), j(`{"id": 1}`), j(`{"id": 1}`), nil},
		{"numbers are equal by value", rules(), j(`{"n": 1.0}`), j(`{"n": 1.00}`), nil},
		{"numbers are exact", rules(), j(`{"n": 0.1}`), j(`{"n": 0.1000000000000000055}`), []string{"$.n"}},
		{"an exponent is no zero at the end", rules(), j(`[{"n": 1.5e10}]`), j(`[{"n": 1.5e1}]`), []string{"$[0].n"}},
		{"a number is no text", rules(), j(`{"n": 1}`), j(`{"n": "1"}`), []string{"$.n"}},
		{"a compared field has its type", rules(), j(`{"quantity": 1}`), j(`{"quantity": "1.0"}`), nil},
		{"and its tolerance", rules(), j(`{"price": 1.00}`), j(`{"price": 1.01}`), nil},
		{"which ends", rules(), j(`{"price": 1.00}`), j(`{"price": 1.011}`), []string{"$.price"}},
		{"a row within the tolerance of two", rules(), j(`[{"price": 1.01}, {"price": 1.00}]`), j(`[{"price": 1.01}, {"price": 1.02}]`), nil},
		{"and one that no pairing helps", rules(), j(`[{"price": 1.01}, {"price": 1.00}, {"price": 1.00}]`), j(`[{"price": 1.01}, {"price": 1.02}, {"price": 1.02}]`), []string{"$[2].price"}},
		{"times are instants", rules(), j(`{"at": "2026-11-27T10:00:00+01:00"}`), j(`{"at": "2026-11-27T09:00:00Z"}`), nil},
		{"null is not absent", rules(), j(`{"a": null}`), j(`{}`), []string{"$.a"}},
		{"null is not empty", rules(), j(`{"a": null}`), j(`{"a": ""}`), []string{"$.a"}},
		{"ignored", rules(), j(`{"etag": 1, "meta": {"at": 1}}`), j(`{"etag": 2}`), nil},
		{"ignored in each row", rules(), j(`[{"etag": 1, "id": 1}]`), j(`[{"etag": 2, "id": 1}]`), nil},
		{"ignored in a list", rules(), j(`{"fills": [{"id": 1, "n": 1}]}`), j(`{"fills": [{"id": 2, "n": 1}]}`), nil},
		{"the same name elsewhere is not ignored", rules(), j(`{"a": {"etag": 1}}`), j(`{"a": {"etag": 2}}`), []string{"$.a.etag"}},
		{"rows in any order", rules(), j(rows), j(turned), nil},
		{"rows in order", ordered(), j(rows), j(turned), []string{"$[1]"}},
		{"a row is missing", ordered(), j(rows), j(`[{"id": 2, "s": "B"}]`), []string{"$[0]"}},
		{"a page is missing", ordered(), j(rows), j(`[]`), []string{"$"}},
		{"a row is additional", rules(), j(`[]`), j(`[{"id": 2}]`), []string{"$[0]"}},
		{"a row twice is not two rows", rules(), j(`[{"id": 1}, {"id": 1}, {"id": 2}]`), j(`[{"id": 1}, {"id": 2}, {"id": 2}]`), []string{"$[1].id"}},
		{"the nearest row is shown", rules(), j(rows), j(`[{"id": 3, "s": "C"}, {"id": 2, "s": "A"}, {"id": 1, "s": "A"}]`), []string{"$[1].s", "$[0]"}},
		{"a list is no object", rules(), j(`[{"id": 1}]`), j(`{"id": 1}`), []string{"$"}},
		{"not found is not an empty list", rules(), j(`404`), j(`[]`), []string{"$"}},
		{"neither is found", rules(), j(`404`), j(`404`), nil},
		{"one row of SQL is an object", rules(), sql(`[{"id": 1}]`), j(`{"id": 1}`), nil},
		{"no row of SQL is not found", rules(), sql(`[]`), j(`404`), nil},
		{"no row of SQL is null", rules(), sql(`[]`), j(`null`), nil},
		{"rows of SQL are a list", rules(), sql(rows), j(turned), nil},
		{"a phantom", rules(), sql(`[]`), j(`{"id": 1}`), []string{"$"}},
		{"a numeric of SQL may be a text in JSON", rules(), sql(`[{"n": 1.50}]`), j(`{"n": "1.5"}`), nil},
		{"rows of SQL on both sides", rules(), sql(`[{"n": 1}]`), sql(`[{"n": 2}]`), []string{"$[0].n"}},
	}
}

func TestAnswersAreCompared(t *testing.T) {
	for _, c := range comparisons(t) {
		t.Run(c.name, func(t *testing.T) {
			var at []string
			for _, d := range c.rules.Compare(c.legacy, c.projection) {
				at = append(at, d.Path)
			}
			if !slices.Equal(at, c.at) {
				t.Errorf("differs at %q, want %q", at, c.at)
			}
		})
	}
}

// TestRowsInAnotherOrderAreTheSame unless an order is asked for, each price within its tolerance, and a changed row is found wherever it is.
func TestRowsInAnotherOrderAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "rows")
		rows, turned := reads.Value{Kind: reads.Array}, reads.Value{Kind: reads.Array}
		for i := range n {
			number, cents := rapid.SampledFrom([]string{"1", "1.0", "2"}).Draw(t, "n"), rapid.IntRange(1, 5).Draw(t, "cents")
			rows.Items = append(rows.Items, inTest(i%4, number, cents))
			turned.Items = append(turned.Items, inTest(i%4, number, cents+rapid.IntRange(-1, 1).Draw(t, "off")))
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		random.Shuffle(n, func(i, j int) { turned.Items[i], turned.Items[j] = turned.Items[j], turned.Items[i] })
		if found := rules().Compare(reads.Answer{Value: rows}, reads.Answer{Value: turned}); found != nil {
			t.Fatalf("%v and %v: %v", rows, turned, found)
		}
		turned.Items[rapid.IntRange(0, n-1).Draw(t, "changed")] = inTest(0, "3", 1)
		if found := rules().Compare(reads.Answer{Value: rows}, reads.Answer{Value: turned}); found == nil {
			t.Fatalf("%v and %v are called the same", rows, turned)
		}
	})
}

func inTest(id int, n string, cents int) reads.Value {
	return reads.Value{Kind: reads.Object, Members: map[string]reads.Value{
		"id": {Kind: reads.Number, Text: fmt.Sprint(id)}, "quantity": {Kind: reads.Number, Text: n}, "price": {Kind: reads.Number, Text: fmt.Sprintf("1.%02d", cents)},
	}}
}
