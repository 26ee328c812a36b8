package source

import "testing"

func TestCastOf(t *testing.T) {
	for expr, want := range map[string][2]string{
		"payload::jsonb":                         {"payload", "jsonb"},
		" ( payload :: JSON ) ":                  {"payload", "json"},
		`"Body"::jsonb`:                          {`"Body"`, "jsonb"},
		"(a || b)::jsonb":                        {"(a || b)", "jsonb"},
		"cast(payload AS jsonb)":                 {"payload", "jsonb"},
		"convert_from(body, 'UTF8')::jsonb":      {"convert_from(body, 'UTF8')", "jsonb"},
		"pg_catalog.convert_from(b, ')')::jsonb": {"pg_catalog.convert_from(b, ')')", "jsonb"},
		"(data->>'id')::bigint":                  {"(data->>'id')", "bigint"},
		"a || b::jsonb":                          {},
		"(a)||(b)::jsonb":                        {},
		"data->>'id'::text":                      {},
		"(payload::jsonb)->'x'":                  {},
		"payload":                                {},
		"f(a)::jsonb || g(b)::jsonb":             {},
		"price::numeric(18,4)":                   {},
	} {
		of, to, ok := castOf(expr)
		if !ok {
			of, to = "", ""
		}
		if got := [2]string{of, to}; got != want {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
}
