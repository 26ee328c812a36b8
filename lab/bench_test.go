package lab_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// BenchmarkGenerate makes a million orders with all that belongs to them; less than a minute is wanted.
func BenchmarkGenerate(b *testing.B) {
	h := lab.History{Orders: 1_000_000, Events: true, Seed: 1}
	for b.Loop() {
		b.StopTimer()
		legacy, events := pgtest.Database(b), pgtest.Database(b)
		b.StartTimer()
		if err := lab.Generate(b.Context(), legacy, events, h); err != nil {
			b.Fatal(err)
		}
	}
}
