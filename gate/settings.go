package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Settings visits the keys of one criterion in the configuration. Whoever reads the configuration sets the values that the
// file gives; the gate itself checks them. A criterion names each key once, with its bounds, for both.
type Settings interface {
	Boolean(key string, into *bool)
	OneOf(key string, into *string, words []string)
	// Whole has bounds that belong to it; high is math.MaxInt64 where there is none.
	Whole(key string, into *int64, low, high int64)
	Ratio(key string, into *float64, within Range)
	Duration(key string, into *time.Duration, least time.Duration)
}

// Range is a range of ratios; its ends belong to it where it says so.
type Range struct {
	Low, High         float64
	WithLow, WithHigh bool
}

// Holds reports whether the ratio is in the range; NaN is in none.
func (r Range) Holds(f float64) bool {
	return (f > r.Low || r.WithLow && f == r.Low) && (f < r.High || r.WithHigh && f == r.High)
}

// String describes the range, as in "above 0 and at most 1".
func (r Range) String() string {
	low, high := "above", "below"
	if r.WithLow {
		low = "at least"
	}
	if r.WithHigh {
		high = "at most"
	}
	return fmt.Sprintf("%s %v and %s %v", low, r.Low, high, r.High)
}

// The settings that several criteria have.

func maxAgeSetting(s Settings, maxAge *time.Duration) { s.Duration("max_age", maxAge, time.Second) }

func shareSettings(s Settings, least *float64, maxAge *time.Duration) {
	s.Ratio("min", least, Range{Low: 0, High: 1, WithHigh: true})
	maxAgeSetting(s, maxAge)
}

func mostSettings(s Settings, most *int64, maxAge *time.Duration) {
	s.Whole("max", most, 0, math.MaxInt64)
	maxAgeSetting(s, maxAge)
}

// mistakes collects what makes no sense about the settings of a criterion.
type mistakes []string

func (m *mistakes) unless(ok bool, key, format string, args ...any) {
	if !ok {
		*m = append(*m, key+": "+fmt.Sprintf(format, args...))
	}
}

func (*mistakes) Boolean(string, *bool) {}

// OneOf accepts the empty word, for which the zero value stands.
func (m *mistakes) OneOf(key string, word *string, words []string) {
	m.unless(*word == "" || slices.Contains(words, *word), key, "must be one of %s, not %q", strings.Join(words, ", "), *word)
}

func (m *mistakes) Whole(key string, n *int64, low, high int64) {
	m.unless(*n >= low, key, "must be %d or more, not %d", low, *n)
	m.unless(*n <= high, key, "must be %d or less, not %d", high, *n)
}

func (m *mistakes) Ratio(key string, f *float64, within Range) {
	m.unless(within.Holds(*f), key, "must be %v, not %v", within, *f)
}

func (m *mistakes) Duration(key string, d *time.Duration, least time.Duration) {
	m.unless(*d >= least, key, "must be %s or more, not %s", least, *d)
}

// senseless is the result of a criterion whose settings make no sense; false where they do.
func senseless(c configured, limit any) (Result, bool) {
	var m mistakes
	c.rule().common(&m)
	c.settings(&m)
	if len(m) == 0 {
		return Result{}, false
	}
	return broken(limit, "correct the criterion in config.yaml", "The criterion makes no sense: %s.", strings.Join(m, "; ")), true
}
