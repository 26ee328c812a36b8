package scale_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nordvarg/crosscheck/lab/scale"
)

// TestSharedWorkIsDoneOnceAndNoFasterThanItCan has pools of all shapes.
func TestSharedWorkIsDoneOnceAndNoFasterThanItCan(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 12))
	for range 2000 {
		s := scale.Sharing{
			Ranges: 1 + random.IntN(300), Variance: random.Float64(), Sidecars: 1 + random.IntN(8), Streams: 1 + random.IntN(3),
			ServerCores: 1 + random.IntN(16), ClientCores: 1 + random.IntN(4), Client: random.Float64(), Serial: random.Float64() / 4, Seed: random.Uint64(),
		}
		r := scale.Simulate(s)
		done := 0
		for _, n := range r.Each {
			done += n
		}
		if done != s.Ranges {
			t.Fatalf("%+v: %d ranges were done", s, done)
		}
		cores := float64(min(s.ServerCores, s.Sidecars*s.Streams, s.Ranges))
		if least := s.Serial + (1-s.Serial)/cores; r.Time < least-1e-9 {
			t.Fatalf("%+v: %g is less than %g", s, r.Time, least)
		}
		if r.Time > s.Serial+(1-s.Serial)*math.Max(1, s.Client*float64(s.Streams))+1e-9 {
			t.Fatalf("%+v: %g is slower than one stream", s, r.Time)
		}
	}
}

// TestEqualRangesOnEnoughCoresAreSharedEvenly, so that the time is known without a simulation.
func TestEqualRangesOnEnoughCoresAreSharedEvenly(t *testing.T) {
	r := scale.Simulate(scale.Sharing{Ranges: 40, Sidecars: 4, Streams: 2, ServerCores: 8, ClientCores: 2, Serial: 0.2})
	if math.Abs(r.Time-0.3) > 1e-9 || r.Each[0] != 10 || r.Each[3] != 10 {
		t.Errorf("%+v", r)
	}
}
