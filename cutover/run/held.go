package run

import (
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/human"
)

// Held is what a person wants to know who may let a run go on at the hold point. docs/cutover.md lists its fields.
type Held struct {
	// Forecast is how long the steps of the window took at most before; nil if none of them is known.
	Forecast *float64 `json:"forecast_seconds,omitempty"`
	// Available is the budget without the reserve for the way back.
	Available float64 `json:"available_seconds"`
	// Fits says whether the forecast is within that; nil if there is none.
	Fits *bool `json:"fits,omitempty"`
	// Proof is the newest proof of everything, and Verified what the passes since then have verified of it. They are nil if there is none.
	Proof    *Proof `json:"proof,omitempty"`
	Verified *Proof `json:"verified_through,omitempty"`
}

// Proof says that both sides were equal at a time, by a pass.
type Proof struct {
	At   time.Time `json:"at"`
	Age  float64   `json:"age_seconds"`
	Pass int64     `json:"pass"`
	Kind string    `json:"kind"`
}

// NewHeld is what is known now.
func NewHeld(b cutover.Budget, proof, verified *Proof, now time.Time) *Held {
	h := &Held{Available: (b.Total - b.Reserve).Seconds(), Proof: proof, Verified: verified}
	if len(b.Forecast) > 0 {
		var sum time.Duration
		for _, took := range b.Forecast {
			sum += took
		}
		h.Forecast, h.Fits = new(sum.Seconds()), new(sum <= b.Total-b.Reserve)
	}
	for _, p := range []*Proof{proof, verified} {
		if p != nil {
			p.Age = max(0, now.Sub(p.At).Seconds())
		}
	}
	return h
}

// String is the same for people, in one line.
func (h Held) String() string {
	var b strings.Builder
	within := took(h.Available)
	switch {
	case h.Forecast == nil:
		fmt.Fprintf(&b, "The window is not forecast, because no run has come so far; it may take %s.", within)
	case *h.Fits:
		fmt.Fprintf(&b, "The window is forecast to take %s, and fits into %s.", took(*h.Forecast), within)
	default:
		fmt.Fprintf(&b, "The window is forecast to take %s, and DOES NOT FIT into %s.", took(*h.Forecast), within)
	}
	switch {
	case h.Verified == nil:
		b.WriteString(" Nothing proves that both sides agree.")
	case h.Proof == nil || h.Proof.Pass == h.Verified.Pass:
		fmt.Fprintf(&b, " Both sides were proven equal %s ago (pass %d, %s).", took(h.Verified.Age), h.Verified.Pass, h.Verified.Kind)
	default:
		fmt.Fprintf(&b, " Both sides were proven equal %s ago (pass %d, %s), and what changed since then up to %s ago (pass %d, %s).",
			took(h.Proof.Age), h.Proof.Pass, h.Proof.Kind, took(h.Verified.Age), h.Verified.Pass, h.Verified.Kind)
	}
	return b.String()
}

func took(seconds float64) string {
	return human.Duration(time.Duration(seconds * float64(time.Second)))
}
