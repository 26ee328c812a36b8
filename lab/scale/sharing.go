// Package scale plans larger stores by arithmetic and by simulation. It measures nothing, and knows no database.
package scale

import (
	"math"
	"math/rand/v2"
)

// Sharing is a pass whose ranges are jobs of several sidecars.
type Sharing struct {
	Ranges int
	// Variance is the standard deviation of the logarithm of a range's work: 0 for ranges that cost the same.
	Variance float64
	Sidecars int
	// Streams are the connections a side of one sidecar: so many ranges it reads at the same time.
	Streams int
	// ServerCores are those of the busier side, and ClientCores those of one sidecar.
	ServerCores, ClientCores int
	// Client is the processor time of the sidecar for each second of the server's.
	Client float64
	// Serial is the part of one sidecar's time that is not shared: the beginning, merging and settling.
	Serial float64
	Seed   uint64
}

// Result is what a simulation gives, in units of the whole work of one core of the server.
type Result struct {
	Time float64
	// Each is how many ranges each sidecar did.
	Each []int
}

// running is a range under way.
type running struct {
	sidecar int
	left    float64 // seconds of the server's processor
}

// Simulate works off all ranges. A stream takes the next one when it is free. Ranges under way share the cores of the
// server evenly, none has more than one core, and those of one sidecar share its cores too.
func Simulate(s Sharing) Result {
	work := s.work()
	out := Result{Time: s.Serial, Each: make([]int, s.Sidecars)}
	var active []running
	next := 0
	take := func(sidecar int) {
		if next < len(work) {
			active = append(active, running{sidecar, work[next]})
			out.Each[sidecar]++
			next++
		}
	}
	for range s.Streams {
		for sidecar := range s.Sidecars {
			take(sidecar)
		}
	}
	for len(active) > 0 {
		rates := s.rates(active)
		step := math.Inf(1)
		for i, r := range active {
			step = min(step, r.left/rates[i])
		}
		out.Time += step
		var free []int
		kept := active[:0]
		for i, r := range active {
			if r.left -= step * rates[i]; r.left > 1e-12 {
				kept = append(kept, r)
			} else {
				free = append(free, r.sidecar)
			}
		}
		active = kept
		for _, sidecar := range free {
			take(sidecar)
		}
	}
	return out
}

// work is the processor time of each range, together all that is not serial.
func (s Sharing) work() []float64 {
	random := rand.New(rand.NewPCG(s.Seed, 12)) //nolint:gosec // a simulation, not a secret
	out := make([]float64, s.Ranges)
	sum := 0.0
	for i := range out {
		out[i] = math.Exp(s.Variance * random.NormFloat64())
		sum += out[i]
	}
	for i := range out {
		out[i] *= (1 - s.Serial) / sum
	}
	return out
}

// rates is how fast each range advances. A core that one range cannot use, because its sidecar is busy, is not given to
// another: the estimate is on the safe side.
func (s Sharing) rates(active []running) []float64 {
	of := make([]int, s.Sidecars)
	for _, r := range active {
		of[r.sidecar]++
	}
	out := make([]float64, len(active))
	server := min(1, float64(s.ServerCores)/float64(len(active)))
	for i, r := range active {
		out[i] = server
		if s.Client > 0 {
			out[i] = min(server, min(1, float64(s.ClientCores)/float64(of[r.sidecar]))/s.Client)
		}
	}
	return out
}
