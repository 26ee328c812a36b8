package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/gate"
)

// scalar is one value of the file, with its variables expanded. A value from the environment is text and is never
// parsed as YAML.
type scalar struct {
	node     *yaml.Node
	path     string
	text     string
	expanded bool // a variable was used, so the text must not be shown
}

// sql reads an SQL expression. A dollar in it is SQL, so variables are not replaced.
func (o *object) sql(key string, into *string) {
	n := o.child(key)
	if n == nil {
		return
	}
	n = target(n)
	if s, ok := o.single(n, join(o.path, key)); ok {
		s.text = n.Value
		if text, ok := o.filled(s); ok {
			*into = strings.TrimSpace(text)
		}
	}
}

// relation reads an SQL expression, or the name of a table or a column, which name reads.
func (o *object) relation(key string, into *string, name func(string, *string)) {
	n := o.child(key)
	if n != nil && strings.HasPrefix(target(n).Value, "$.") {
		o.at(target(n), join(o.path, key), found(target(n))+" is a path, and no column", "name the column, or write an expression in SQL, such as payload->>'"+strings.TrimPrefix(target(n).Value, "$.")+"'")
		return
	}
	if n != nil && sqlText.MatchString(strings.TrimSpace(target(n).Value)) {
		name = o.sql
	}
	name(key, into)
}

// shown returns the value as it is in the file, for messages.
func (s scalar) shown() string {
	const most = 60
	text := s.node.Value
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.Quote(text)
}

// is reports whether the value may be read as one of the YAML types; expanded text may be read as any.
func (s scalar) is(tags ...string) bool {
	return s.expanded || slices.Contains(tags, s.node.ShortTag())
}

// scalar returns the value of a key; false if it is absent or was refused.
func (o *object) scalar(key string) (scalar, bool) {
	n := o.child(key)
	if n == nil {
		return scalar{}, false
	}
	return o.value(n, join(o.path, key))
}

// value returns the value of a node; false if it was refused.
func (r *reader) value(n *yaml.Node, path string) (scalar, bool) {
	n = target(n)
	s, ok := r.single(n, path)
	if !ok {
		return s, false
	}
	var err error
	if s.text, s.expanded, err = expand(n.Value, r.getenv); err != nil {
		message := strings.ReplaceAll(err.Error(), "\n", "; ")
		r.at(n, path, message, "set the variable, or write $$ for a literal dollar")
		return s, false
	}
	return s, true
}

// single returns a node without its text; false if it is not a single value.
func (r *reader) single(n *yaml.Node, path string) (scalar, bool) {
	s := scalar{node: n, path: path}
	if n.Kind != yaml.ScalarNode {
		r.at(n, path, "must be a single value, found "+describe(n), "")
		return s, false
	}
	if n.ShortTag() == "!!null" {
		r.at(n, path, "has no value", "a value that begins with # needs quotes")
		return s, false
	}
	return s, true
}

func (r *reader) wrong(s scalar, message, hint string) { r.at(s.node, s.path, message, hint) }

// words returns the value as text; false if it was refused.
func (r *reader) words(s scalar) (string, bool) {
	if !s.is("!!str") {
		r.wrong(s, "must be text, found "+describe(s.node), "put it in quotes")
		return "", false
	}
	return s.text, true
}

// filled returns the value as non-empty text; false if it was refused.
func (r *reader) filled(s scalar) (string, bool) {
	text, ok := r.words(s)
	if !ok || strings.TrimSpace(text) != "" {
		return text, ok
	}
	message := "must not be empty"
	if s.expanded {
		message = "is empty once " + s.shown() + " is expanded"
	}
	r.wrong(s, message, "")
	return "", false
}

// filledScalar returns a value that is non-empty text; false if there is none, or if it was refused.
func (o *object) filledScalar(key string) (s scalar, text string, ok bool) {
	if s, ok = o.scalar(key); ok {
		text, ok = o.filled(s)
	}
	return s, text, ok
}

// text reads non-empty text, without leading and trailing blanks.
func (o *object) text(key string, into *string) {
	if _, text, ok := o.filledScalar(key); ok {
		*into = strings.TrimSpace(text)
	}
}

// optionalText reads text that may be empty.
func (o *object) optionalText(key string, into *string) {
	if s, ok := o.scalar(key); ok {
		if text, ok := o.words(s); ok {
			*into = strings.TrimSpace(text)
		}
	}
}

// secret reads non-empty text that must not be shown.
func (o *object) secret(key string, into *Secret) {
	if _, text, ok := o.filledScalar(key); ok {
		*into = NewSecret(text)
	}
}

// boolean reads true or false.
func (o *object) boolean(key string, into *bool) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	switch {
	case s.is("!!bool") && strings.EqualFold(s.text, "true"):
		*into = true
	case s.is("!!bool") && strings.EqualFold(s.text, "false"):
		*into = false
	default:
		o.wrong(s, "must be true or false, found "+s.shown(), "")
	}
}

// oneOf reads one of a few words.
func (o *object) oneOf(key string, into *string, words []string) {
	s, text, ok := o.filledScalar(key)
	if !ok {
		return
	}
	if !slices.Contains(words, text) {
		hint := ""
		if like := closest(text, words); like != "" && !s.expanded {
			hint = fmt.Sprintf("did you mean %q?", like)
		}
		o.wrong(s, fmt.Sprintf("unknown %s %s; use one of %s", key, s.shown(), strings.Join(words, ", ")), hint)
		return
	}
	*into = text
}

var (
	wholeNumber   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	decimalNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
)

// digits says how to write a number.
func digits(s scalar, number *regexp.Regexp, example string) string {
	if number.MatchString(s.text) {
		return "write it without quotes"
	}
	return "write it in plain digits, such as " + example
}

// whole reads a whole number within bounds. Only plain decimal digits are allowed, because 010, 0x10 and 1_000 mean
// different things in different versions of YAML.
func (o *object) whole(key string, into *int64, low, high int64) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	if !s.is("!!int") || !wholeNumber.MatchString(s.text) {
		o.wrong(s, "must be a whole number, found "+s.shown(), digits(s, wholeNumber, "10000"))
		return
	}
	n, err := strconv.ParseInt(s.text, 10, 64)
	switch {
	case err != nil || n < low || n > high:
		limits := fmt.Sprintf("must be from %d to %d", low, high)
		if high == math.MaxInt64 {
			limits = fmt.Sprintf("must be %d or more", low)
		}
		o.wrong(s, limits+", found "+s.shown(), "")
	default:
		*into = n
	}
}

// ratio reads a floating-point number.
func (o *object) ratio(key string, into *float64, limits gate.Range) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	if !s.is("!!int", "!!float") || !decimalNumber.MatchString(s.text) {
		o.wrong(s, "must be a number, found "+s.shown(), digits(s, decimalNumber, "0.001"))
		return
	}
	f, err := strconv.ParseFloat(s.text, 64)
	if err != nil || !limits.Holds(f) {
		o.wrong(s, fmt.Sprintf("must be %v, found %s", limits, s.shown()), "")
		return
	}
	*into = f
}

// decimal reads an exact number that is not negative. Zero becomes nil.
func (o *object) decimal(key string, into **apd.Decimal) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	const mostDigits = 100
	if !s.is("!!int", "!!float", "!!str") || !decimalNumber.MatchString(s.text) || len(s.text) > mostDigits {
		o.wrong(s, "must be a decimal number, found "+s.shown(), "write it in plain digits, such as 0.005")
		return
	}
	d, _, err := apd.NewFromString(s.text)
	switch {
	case err != nil:
		o.wrong(s, "must be a decimal number, found "+s.shown(), "")
	case d.Sign() < 0:
		o.wrong(s, "must not be negative, found "+s.shown(), "")
	case d.Sign() > 0:
		*into = d
	}
}

// duration reads a duration that is at least the given one.
func (o *object) duration(key string, into *time.Duration, least time.Duration) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	d, err := time.ParseDuration(s.text)
	switch {
	case err != nil || !s.is("!!str"):
		o.wrong(s, "must be a duration with a unit, found "+s.shown(), "such as 30s, 5m or 26h; a day is 24h")
	case d < least:
		o.wrong(s, fmt.Sprintf("must be %v or more, found %s", least, s.shown()), "")
	default:
		*into = d
	}
}

// schedule reads a cron line.
func (o *object) schedule(key string, into *Schedule) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	const hint = `five fields (minute hour day month weekday), or six with seconds first, such as "0 * * * *"; "off" switches it off`
	if !s.is("!!str") {
		o.wrong(s, "must be a cron line, found "+describe(s.node), hint)
		return
	}
	schedule, err := ParseSchedule(s.text)
	if err != nil {
		message := "is not a cron line: " + s.shown()
		if !s.expanded {
			message += ": " + err.Error()
		}
		o.wrong(s, message, hint)
		return
	}
	*into = schedule
}

// interval reads the time between two runs.
func (o *object) interval(key string, into *Schedule) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	const (
		least, most = time.Second, 24 * time.Hour
		hint        = "a duration from 1s to 24h, such as 10s; off switches it off"
	)
	if s.is("!!str") && s.text == "off" {
		*into = Schedule{}
		return
	}
	d, err := time.ParseDuration(s.text)
	switch {
	case err != nil || !s.is("!!str"):
		o.wrong(s, "must be a duration with a unit, found "+s.shown(), hint)
	case d < least || d > most:
		o.wrong(s, fmt.Sprintf("must be from %v to %v, found %s", least, most, s.shown()), hint)
	default:
		*into = Interval(d)
	}
}
