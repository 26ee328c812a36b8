package throttle

import (
	"fmt"
	"strings"
	"time"
)

// Hours is a time of the day in a time zone, such as 22:00-06:00. The zero value is the whole day.
type Hours struct {
	From, To time.Duration // on the clock, since midnight; From after To spans midnight, and equal values are the whole day
	Zone     *time.Location
}

// ParseHours reads "22:00-06:00", or "22:00-06:00 Europe/Berlin". Without a zone the hours are in UTC.
func ParseHours(text string) (Hours, error) {
	span, zone, named := strings.Cut(strings.TrimSpace(text), " ")
	from, to, ok := strings.Cut(span, "-")
	h := Hours{Zone: time.UTC}
	var err error
	if h.From, err = clock(from); err == nil {
		h.To, err = clock(to)
	}
	if err != nil || !ok {
		return Hours{}, fmt.Errorf("%q is not a time of the day from-to", text)
	}
	if h.From == h.To {
		return Hours{}, fmt.Errorf("%q begins when it ends", text)
	}
	if zone = strings.TrimSpace(zone); named {
		if h.Zone, err = time.LoadLocation(zone); err != nil || zone == "Local" || zone == "" {
			return Hours{}, fmt.Errorf("%q is not a time zone", zone)
		}
	}
	return h, nil
}

func clock(text string) (time.Duration, error) {
	at, err := time.Parse("15:04", text)
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, err
}

// Given is true if there is a limit.
func (h Hours) Given() bool { return h.From != h.To }

// String returns the hours with their zone.
func (h Hours) String() string {
	if !h.Given() {
		return "always"
	}
	at := func(clock time.Duration) string { return time.Time{}.Add(clock).Format("15:04") }
	return at(h.From) + "-" + at(h.To) + " " + h.Zone.String()
}

// Length is how long the hours are on a day without a change of the clocks.
func (h Hours) Length() time.Duration {
	if !h.Given() {
		return 24 * time.Hour
	}
	return (h.To - h.From + 24*time.Hour) % (24 * time.Hour)
}

// Open reports whether a moment is within the hours, by what a clock on the wall shows. An hour that occurs twice is
// within them twice.
func (h Hours) Open(at time.Time) bool {
	if !h.Given() {
		return true
	}
	at = at.In(h.Zone)
	now := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	if h.From < h.To {
		return h.From <= now && now < h.To
	}
	return h.From <= now || now < h.To
}

// Next returns when the hours begin next, to the minute; the moment itself if it is within them. If the clocks skip the
// beginning, the hours begin after the gap. If they skip all of it, there are none that day.
func (h Hours) Next(at time.Time) time.Time {
	if h.Open(at) {
		return at
	}
	for t, end := at.Truncate(time.Minute), at.Add(50*time.Hour); t.Before(end); t = t.Add(time.Minute) {
		if t.After(at) && h.Open(t) {
			return t
		}
	}
	return at.Add(24 * time.Hour) // hours of a minute that never comes
}
