package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Settings visits the keys of one criterion in the configuration. The config package uses it to set the values from the
// file, and the gate uses it to check them. A criterion names each key with its bounds once, for both.
type Settings interface {
	Boolean(key string, into *bool)
	OneOf(key string, into *string, words []string)
	// Whole is for a whole number. Both bounds are allowed values; high is math.MaxInt64 if there is no upper bound.
	Whole(key string, into *int64, low, high int64)
	Ratio(key string, into *float64, within Range)
	Duration(key string, into *time.Duration, least time.Duration)
}

// Range is a range of ratios. It says for each end whether the end is allowed.
type Range struct {
	Low, High         float64
	WithLow, WithHigh bool
}

// Holds reports whether the ratio is in the range. NaN is in no range.
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

// mistakes collects what is wrong with the settings of a criterion.
type mistakes []string

func (m *mistakes) unless(ok bool, key, format string, args ...any) {
	if !ok {
		*m = append(*m, key+": "+fmt.Sprintf(format, args...))
	}
}

func (*mistakes) Boolean(string, *bool) {}

// OneOf accepts the empty word, because it stands for the zero value.
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

// senseless returns the result for a criterion with wrong settings; false if they are right.
func senseless(c configured, limit any) (Result, bool) {
	var m mistakes
	c.rule().common(&m)
	c.settings(&m)
	if len(m) == 0 {
		return Result{}, false
	}
	return broken(limit, "correct the criterion in config.yaml", "The settings of the criterion are wrong: %s.", strings.Join(m, "; ")), true
}
