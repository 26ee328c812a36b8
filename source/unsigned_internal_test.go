package source

import "testing"

// TestWhichConstraintsExcludeNegatives as PostgreSQL prints them.
func TestWhichConstraintsExcludeNegatives(t *testing.T) {
	for expr, want := range map[string]bool{
		"(q >= (0)::numeric)": true, "(q > (0)::numeric)": true, "(q >= 0.5)": true, "(q >= 0)": true, "((0)::numeric <= q)": true,
		"(0.5 < q)": true, "(q >= '0'::bigint)": true, "((q)::numeric >= 0.5)": true,
		"((p > (0)::numeric) AND (q >= (0)::numeric))":                           true,
		"((p > (0)::numeric) AND ((q >= (0)::numeric) AND (q <= (9)::numeric)))": true,
		"((a = ' OR ('::text) AND (q >= (0)::numeric))":                          true,

		"(p >= (0)::numeric)": false, "(q >= ('-1'::integer)::numeric)": false, "(q >= '-1'::integer)": false, "(q > '-0.5'::numeric)": false,
		"(q <= (0)::numeric)": false, "(q < (0)::numeric)": false, "((0)::numeric >= q)": false, "(q <> (0)::numeric)": false,
		"((q >= (0)::numeric) OR (q IS NULL))":                       false,
		"((q >= (0)::numeric) OR ((p > 0) AND (q >= (0)::numeric)))": false,
		"(((p > 0) AND (q >= (0)::numeric)) OR (p > 0))":             false,
		"(NOT (q >= (0)::numeric))":                                  false,
		"((q)::numeric(10,0) >= (0)::numeric)":                       false, // -0.4 becomes 0
		"((q)::bigint >= 0)":                                         false,
		"((q)::double precision >= (0)::double precision)":           false,
		"(abs(q) >= (0)::numeric)":                                   false,
		"(q OPERATOR(public.>=) (0)::numeric)":                       false,
		"(q >= 'NaN'::numeric)":                                      false,
		"(q >= p)":                                                   false,
		"(a = '(q >= (0)::numeric) AND (q >= (0)::numeric)'::text)":  false,
		"CASE WHEN (p > 0) THEN (q >= (0)::numeric) ELSE true END":   false,
	} {
		if got := excludesNegatives(expr, "q"); got != want {
			t.Errorf("%s excludes negatives of q: %v", expr, got)
		}
	}
	if !excludesNegatives(`((0)::numeric <= "a AND (b")`, `"a AND (b"`) || !excludesNegatives("(VALUE >= (0)::numeric)", "VALUE") {
		t.Error("a name in quotes, or that of a domain's value, is not known")
	}
}
