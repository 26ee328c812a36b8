package order

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// fineText is what texts of JSON are made of.
var fineText = []string{
	`a`, `ä`, `😀`, "\ufffd", ` `, `/`, `{`, `}`, `]`, `:`, `,`, `'`, "\x7f", `\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0041`, `\u00e4`, `\u00E4`, `\u2028`, `\ufffd`, `\uFFFD`,
}

// oddText is that, and what no text may be made of, or not by itself.
var oddText = append(slices.Clone(fineText),
	`\ud83d`, `\uDE00`, `\ud83d\ude00`, `\udbff\udfff`, `\u0000`, `\u0001`, `\u`, `\u12`, `\u00g0`, `\u+123`, `\u 123`, `\u1_23`, `\U0041`, `\x41`, `\a`, `\'`, `\0`, `\`, `"`,
	"\x00", "\n", "\x1f", "\xff", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80",
)

// oddJSON draws values that are JSON, or nearly.
func oddJSON(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\t\r\n", "\v"})
	pieces := rapid.SampledFrom(fineText)
	if rapid.IntRange(0, 9).Draw(t, "broken") == 0 {
		pieces = rapid.SampledFrom(oddText)
	}
	text := func() string { return `"` + strings.Join(rapid.SliceOfN(pieces, 0, 4).Draw(t, "text"), "") + `"` }
	kinds := 5
	if depth == 0 {
		kinds = 3
	}
	var out string
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		out = text()
	case 1:
		out = oddNumber(t)
	case 2:
		out = rapid.SampledFrom([]string{"true", "false", "null", "null", "nul", "True", "truefalse", "nullx", ""}).Draw(t, "word")
	case 3:
		var members []string
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			members = append(members, text()+space.Draw(t, "space")+":"+oddJSON(t, depth-1))
		}
		out = "{" + strings.Join(members, rapid.SampledFrom([]string{",", ",", ",", ",", ",,", ""}).Draw(t, "comma")) + rapid.SampledFrom([]string{"}", "}", "}", ",}", "]", ""}).Draw(t, "end")
	case 4:
		var values []string
		for range rapid.IntRange(0, 3).Draw(t, "values") {
			values = append(values, oddJSON(t, depth-1))
		}
		out = "[" + strings.Join(values, rapid.SampledFrom([]string{",", ",", ",", ",", ",,", ""}).Draw(t, "comma")) + rapid.SampledFrom([]string{"]", "]", "]", ",]", "}", ""}).Draw(t, "end")
	}
	return space.Draw(t, "before") + out + space.Draw(t, "after")
}

func oddNumber(t *rapid.T) string {
	return rapid.StringMatching(`-?(0|00|[1-9]?[0-9]{0,3}|[0-9]{17,45})(\.[0-9]{0,3}|\.[0-9]{30,50}|)([eE][+-]?[0-9]{0,2}|e-?(999|1000|1001|130000)|)`).Draw(t, "number")
}

// decoded reads a text by encoding/json. False is text that PostgreSQL could not hold, so that no row could ever agree with it.
func decoded(raw []byte) (out string, ok bool) {
	if err := json.Unmarshal(raw, &out); err != nil || !utf8.Valid(raw) || strings.ContainsRune(out, 0) {
		return "", false
	}
	// A lone surrogate is silently replaced; the replacement character is fine only if it was meant.
	meant := bytes.ContainsRune(raw, utf8.RuneError) || bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`))
	return out, meant || !strings.ContainsRune(out, utf8.RuneError)
}

// TestTextsAreReadAsTheDecoderReadsThem holds the scanner against encoding/json and what no database holds. It refuses one thing
// more than is told here: half a surrogate pair beside a replacement character that is meant.
func TestTextsAreReadAsTheDecoderReadsThem(t *testing.T) {
	read := 0
	rapid.Check(t, func(t *rapid.T) {
		pieces := oddText
		if rapid.Bool().Draw(t, "fine") {
			pieces = fineText
		}
		raw := []byte(`"` + strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(t, "pieces"), "") + `"`)
		s := scanner{data: raw}
		got, ok := s.text()
		ok = ok && s.ended()
		want, fine := decoded(raw)
		half := strings.Contains(strings.ToLower(string(raw)), `\ud`) && strings.Contains(want, "\ufffd")
		if ok != fine && !half || ok && (!fine || string(got) != want) {
			t.Fatalf("%q is %q, %v; decoded %q, %v", raw, got, ok, want, fine)
		}
		if ok {
			read++
		}
	})
	if read == 0 {
		t.Error("nothing was read")
	}
}

// TestWhatIsPassedOverIsJSON has values of any kind: what is passed over is what encoding/json takes for valid, except for a text
// that no database holds, where it stands by itself.
func TestWhatIsPassedOverIsJSON(t *testing.T) {
	passed, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		raw := oddJSON(t, 4)
		s := scanner{data: []byte(raw)}
		ok, valid := s.skip(maxDepth) && s.ended(), json.Valid([]byte(raw))
		if strings.HasPrefix(strings.TrimLeft(raw, " \t\r\n"), `"`) {
			_, valid = decoded([]byte(strings.Trim(raw, " \t\r\n")))
		}
		if half := strings.Contains(strings.ToLower(raw), `\ud`); ok != valid && (ok || !half) {
			t.Fatalf("%q is passed over: %v; JSON: %v", raw, ok, valid)
		}
		if ok {
			passed++
		} else {
			refused++
		}
	})
	if passed == 0 || refused == 0 {
		t.Errorf("%d passed over, %d refused: nothing was tried", passed, refused)
	}
}

// TestAnObjectIsWhatJSONSaysItIs holds the whole reading of an object against encoding/json.
func TestAnObjectIsWhatJSONSaysItIs(t *testing.T) {
	objects := 0
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(`{"":` + oddJSON(t, 3) + `, "a\u0062" : ` + oddJSON(t, 3) + "}")
		members, finding := object(raw, maxDepth)
		if fine := finding == nil || finding.Detail != "not valid JSON" && json.Valid(raw); fine != json.Valid(raw) {
			t.Fatalf("%q: %v", raw, finding)
		}
		if finding != nil {
			return
		}
		objects++
		var want map[string]json.RawMessage
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			if got := want[m.name]; string(got) != string(m.raw) || len(members) != len(want) {
				t.Fatalf("%q: %q is %q, not %q", raw, m.name, m.raw, got)
			}
		}
	})
	if objects == 0 {
		t.Error("nothing was read")
	}
}

func TestDepthIsBounded(t *testing.T) {
	for _, depth := range []int{maxDepth - 1, maxDepth, 20_000, 2_000_000} {
		for _, nested := range []string{strings.Repeat("[", depth) + "1" + strings.Repeat("]", depth), strings.Repeat(`{"":`, depth) + "1" + strings.Repeat("}", depth)} {
			s := scanner{data: []byte(nested)}
			if ok := s.skip(maxDepth); ok != (depth < maxDepth) {
				t.Errorf("a depth of %d is passed over: %v", depth, ok)
			}
		}
	}
}

// TestNumbersAreComparedByValue holds the comparison of numbers as they are written against that of decimals, and their
// text against that of the decoder.
func TestNumbersAreComparedByValue(t *testing.T) {
	same, different := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		a := oddNumber(t)
		b := a
		switch rapid.IntRange(0, 3).Draw(t, "other") {
		case 0:
			b = oddNumber(t)
		case 1:
			b = strings.Replace(a, "0", "", 1)
		case 2:
			b = a + "0"
		case 3:
			b = a + "e0"
		}
		x, okX := parseDecimal(a)
		y, okY := parseDecimal(b)
		if okX != isDecimal([]byte(a)) || okY != isDecimal([]byte(b)) {
			t.Fatalf("%s, %s: decimals are %v, %v", a, b, okX, okY)
		}
		if !okX || !okY {
			return
		}
		if want, got := x.Cmp(&y) == 0, sameNumber([]byte(a), []byte(b)); got != want {
			t.Fatalf("%s = %s: %v, of decimals %v", a, b, got, want)
		} else if got {
			same++
		} else {
			different++
		}
		v := token{jsonNumber, plainNumber([]byte(a)), []byte(a)}
		if got := string(v.written()); got != x.Text('f') {
			t.Fatalf("%s is written %s, of decimals %s", a, got, x.Text('f'))
		}
	})
	if same == 0 || different == 0 {
		t.Errorf("%d the same, %d different: nothing was tried", same, different)
	}
}
