package repair

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNothingLeavesItsComment: whatever a database holds, a comment stays one line, and a literal stays a literal.
func TestNothingLeavesItsComment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("a'\\\n\r\u2028$;-é\"%"))).Draw(t, "text")
		var b strings.Builder
		comment(&b, text)
		if got := b.String(); strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\r\u2028") || !strings.HasPrefix(got, "-- ") {
			t.Fatalf("%q", got)
		}
		inner := strings.TrimSpace(literal(text))
		escapes := strings.HasPrefix(inner, "E")
		inner = strings.TrimPrefix(inner, "E")
		if back := read(t, inner, escapes); back != text {
			t.Fatalf("%q is read as %q", text, back)
		}
	})
}

// read reads a literal as PostgreSQL does. Without an E, a backslash may be an escape or not, so there must be none.
func read(t *rapid.T, literal string, escapes bool) string {
	if len(literal) < 2 || literal[0] != '\'' || literal[len(literal)-1] != '\'' {
		t.Fatalf("%s is no literal", literal)
	}
	var out strings.Builder
	body := []rune(literal[1 : len(literal)-1])
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] == '\'' || body[i] == '\\' && escapes:
			if i+1 >= len(body) || body[i+1] != body[i] {
				t.Fatalf("%s ends early", literal)
			}
			i++
		case body[i] == '\\':
			t.Fatalf("%s has a backslash", literal)
		}
		out.WriteRune(body[i])
	}
	return out.String()
}

// TestADollarQuoteIsNotClosedByAValue of the body.
func TestADollarQuoteIsNotClosedByAValue(t *testing.T) {
	got := block("7", steps{already: "false", change: []string{"SELECT " + literal("$crosscheck$ $crosscheck1$")}, done: "done"})
	if !strings.HasPrefix(got, "DO $crosscheck2$\n") || strings.Count(got, "$crosscheck2$") != 2 {
		t.Error(got)
	}
}

func TestNamesOfColumns(t *testing.T) {
	for sql, want := range map[string]string{
		"order_id": "order_id", `"timestamp"`: "timestamp", `t."a""b"`: `a"b`, " t.x ": "x", "upper(side)": "", "Side": "", `"a" || "b"`: "", "a; DROP TABLE x": "", "(status)": "",
	} {
		if got := Name(sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

// TestTwoPeopleWait holds that whoever applies a plan second looks when the first has committed.
func TestTwoPeopleWait(t *testing.T) {
	var b strings.Builder
	transaction(&b, "o'7", []Statement{{SQL: "CHECK"}})
	_, after, ok := strings.Cut(b.String(), "hashtextextended('crosscheck repair o''7', 0)")
	if !ok || !strings.Contains(after, "CHECK") || !strings.Contains(b.String(), "BEGIN ISOLATION LEVEL READ COMMITTED;") {
		t.Error(b.String())
	}
}
