package order

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/apd/v3"
)

// TestARatioIsTheQuotient, whether its numbers fit into 64 bits or not.
func TestARatioIsTheQuotient(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test
	number := func() apd.Decimal {
		d := apd.New(r.Int64()>>r.IntN(63)+1, -int32(r.IntN(20))) //nolint:gosec // below 20
		d.Negative = r.IntN(10) == 0
		return *d
	}
	for range 20_000 {
		a, b, scale := number(), number(), r.IntN(10)
		got, want := ratio(a, b, scale), quotient(a, b, scale)
		if plain(got) != plain(want) {
			t.Fatalf("%s / %s to %d decimals is %s, want %s", plain(a), plain(b), scale, plain(got), plain(want))
		}
	}
}
