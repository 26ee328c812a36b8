package order

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// TimePath is where payloads have the time of their event.
type TimePath struct {
	path []string
	unit time.Duration  // of a number since 1970; 0 for a text
	zone *time.Location // of texts that name none; nil if they must name one
}

// NewTimePath reads a path such as "$.at". The unit is that of [Source]. The zone may be nil.
func NewTimePath(path, unit string, zone *time.Location) (*TimePath, error) {
	names, ok := splitPath(path)
	if !ok {
		return nil, fmt.Errorf("%q is no path: %w", path, ErrRules)
	}
	if _, known := units[unit]; unit != "" && !known {
		return nil, fmt.Errorf("%q is no unit of time: %w", unit, ErrRules)
	}
	return &TimePath{path: names, unit: units[unit], zone: zone}, nil
}

// splitPath splits "$.limitPrice.amount".
func splitPath(text string) ([]string, bool) {
	rest, ok := strings.CutPrefix(text, "$.")
	names := strings.Split(rest, ".")
	return names, ok && !slices.Contains(names, "") && !strings.ContainsAny(rest, "[]*\"'")
}

// Of returns the time in a payload; zero if there is none that can be read. Decoding reports such an event.
func (p *TimePath) Of(payload []byte) (at time.Time) {
	t, ok := find(payload, p.path)
	switch {
	case !ok || t.kind != jsonString && t.kind != jsonNumber:
		return at
	case p.unit != 0:
		n, detail := datumOf(string(t.text), kindNumber)
		if detail == "" {
			at, ok = since1970(n.number, p.unit)
		}
		if detail != "" || !ok {
			return time.Time{}
		}
		return at
	case t.kind == jsonNumber:
		return at
	}
	if !flatTime(t.text, &at) && p.zone != nil && !strings.Contains(string(t.text), ",") {
		at, _ = time.ParseInLocation("2006-01-02T15:04:05.999999999", string(t.text), p.zone)
	}
	at = at.UTC()
	if at.Before(firstMoment) || at.After(lastMoment) {
		return time.Time{}
	}
	return at
}

// find returns the value at a path of a JSON object, as far as the object must be read for that.
func find(data []byte, path []string) (found token, ok bool) {
	s := scanner{data: data}
	for depth, name := range path {
		last, at := depth == len(path)-1, false
		s.object(func(member []byte) bool {
			if at = string(member) == name; !at {
				return s.skip(maxDepth - depth)
			}
			if last {
				found, ok = s.value(maxDepth - depth)
			}
			return false // there is no need to read on
		})
		if !at {
			return token{}, false
		}
	}
	return found, ok
}

// String says all that the times depend on; nothing for nil.
func (p *TimePath) String() string {
	if p == nil {
		return ""
	}
	text := []string{"$." + strings.Join(p.path, ".")}
	for name, unit := range units {
		if unit == p.unit {
			text = append(text, name)
		}
	}
	if p.zone != nil {
		text = append(text, p.zone.String())
	}
	return strings.Join(text, " in ")
}
