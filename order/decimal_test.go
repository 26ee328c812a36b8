package order

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
)

// TestNumbersAreReadAsApdReadsThem tries lengths around what an int64 holds.
func TestNumbersAreReadAsApdReadsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	small := 0
	for range 20_000 {
		var s strings.Builder
		if r.IntN(4) == 0 {
			s.WriteByte('-')
		}
		s.WriteString(strconv.FormatInt(r.Int64()>>r.IntN(64), 10))
		if n := r.IntN(12); n > 1 {
			s.WriteByte('.')
			for range n {
				s.WriteByte("0012345678999"[r.IntN(13)])
			}
		}
		if r.IntN(20) == 0 {
			s.WriteString("e" + strconv.Itoa(r.IntN(9)-4))
		}
		text := s.String()
		if _, ok := SmallDecimal(text); ok {
			small++
		}
		got, ok := parseDecimal(text)
		want, _, err := apd.NewFromString(text)
		if err != nil || !ok {
			t.Fatalf("%s: %v, apd %v", text, ok, err)
		}
		if want.IsZero() { // there is one
			want.Negative, want.Exponent = false, min(want.Exponent, 0)
		}
		if got.Exponent != want.Exponent || got.Negative != want.Negative || got.Coeff.Cmp(&want.Coeff) != 0 || got.Form != want.Form {
			t.Fatalf("%s is %v, apd says %v", text, &got, want)
		}
	}
	if small < 5000 {
		t.Errorf("only %d of the numbers were small", small)
	}
}
