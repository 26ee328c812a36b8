package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when something runs: a cron line of five fields, or of six with seconds first, or an interval. The zero
// value is off. Cron lines are in UTC, so that every replica means the same instants, unless they begin with
// CRON_TZ=<time zone>.
type Schedule struct {
	// Expr is the cron line or the interval; "" if off.
	Expr string

	next cron.Schedule
}

var cronFields = cron.NewParser(
	cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// ParseSchedule reads a cron line; "" and "off" mean off.
func ParseSchedule(expr string) (Schedule, error) {
	expr = strings.Join(strings.Fields(expr), " ")
	if expr == "" || expr == "off" {
		return Schedule{}, nil
	}
	fields := expr
	if strings.HasPrefix(expr, "TZ=") || strings.HasPrefix(expr, "CRON_TZ=") {
		_, rest, ok := strings.Cut(expr, " ") // the parser panics on a time zone without fields
		if !ok {
			return Schedule{}, errors.New("a time zone without a cron line")
		}
		fields = rest
	}
	if strings.HasPrefix(fields, "@every") {
		return Schedule{}, errors.New("@every counts from the start of the process, which differs between replicas; use a cron line")
	}
	next, err := cronFields.Parse(expr)
	if err != nil {
		return Schedule{}, err
	}
	s := Schedule{Expr: expr, next: next}
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("%q never matches", expr)
	}
	return s, nil
}

// Interval returns the schedule of a run in each interval. The runs are counted from the Unix epoch, so that every replica
// means the same instants. An interval of 0 is off.
func Interval(d time.Duration) Schedule {
	if d <= 0 {
		return Schedule{}
	}
	return Schedule{Expr: "every " + d.String(), next: interval(d)}
}

// interval is the time between two runs.
type interval time.Duration

func (i interval) Next(t time.Time) time.Time {
	d := time.Duration(i)
	since := t.Sub(time.Unix(0, 0))
	return t.Add(d - since%d)
}

// Off reports whether the schedule never runs.
func (s Schedule) Off() bool { return s.next == nil }

// Next returns the first instant after t at which the schedule runs, in UTC; zero if it is off.
func (s Schedule) Next(t time.Time) time.Time {
	if s.Off() {
		return time.Time{}
	}
	next := s.next.Next(t.UTC())
	if next.IsZero() {
		return next
	}
	return next.UTC()
}

// String returns the cron line or the interval, or off.
func (s Schedule) String() string {
	if s.Off() {
		return "off"
	}
	return s.Expr
}

// Equal reports whether both are the same cron line or interval.
func (s Schedule) Equal(other Schedule) bool { return s.Expr == other.Expr }

func mustSchedule(expr string) Schedule {
	s, err := ParseSchedule(expr)
	if err != nil {
		panic(err) // one of the defaults
	}
	return s
}
