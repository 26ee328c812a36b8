package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// metadataKey is the key of payloads under which a reconstructed event tells where it comes from.
const metadataKey = "_backfill"

// Version is that of the reconstruction: it grows when the same records give other events.
const Version = 1

// Metadata is what all events of a batch say of themselves.
type Metadata struct {
	Batch string
}

// of is the metadata of one event, as JSON.
func (m Metadata) of(d Deed) json.RawMessage {
	about := struct {
		ID         string     `json:"id"`
		Evidence   Evidence   `json:"evidence"`
		Source     string     `json:"source"`
		SourceKey  string     `json:"source_key"`
		RecordedAt *time.Time `json:"recorded_at,omitempty"`
		NotBefore  *time.Time `json:"not_before,omitempty"`
		NotAfter   *time.Time `json:"not_after,omitempty"`
		Version    int        `json:"version"`
		Batch      string     `json:"batch,omitempty"`
	}{d.ID.String(), d.Evidence, d.From.Table, d.From.Key, known(d.Recorded), known(d.NotBefore), known(d.NotAfter), Version, m.Batch}
	text, err := json.Marshal(about)
	if err != nil {
		panic(err) // of texts, numbers and times in RFC 3339
	}
	return text
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// object is a JSON object: its members are objects or raw JSON.
type object map[string]any

func (o object) put(path []string, text json.RawMessage) {
	for _, name := range path[:len(path)-1] {
		inner, ok := o[name].(object)
		if !ok {
			inner = object{}
			o[name] = inner
		}
		o = inner
	}
	o[path[len(path)-1]] = text
}

func (o object) json() []byte { return o.append(nil) }

func (o object) append(to []byte) []byte {
	to = append(to, '{')
	for i, name := range slices.Sorted(maps.Keys(o)) {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(append(to, quoted(name)...), ':')
		switch v := o[name].(type) {
		case object:
			to = v.append(to)
		case json.RawMessage:
			to = append(to, v...)
		}
	}
	return append(to, '}')
}

// quoted is a text as JSON, without the escapes that are for HTML.
func quoted(text string) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err) // of a text
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

// text is a value as the rule reads it back.
func (s slot) text(v order.Value, nullable bool) (json.RawMessage, error) {
	switch {
	case v.Failed:
		return nil, fmt.Errorf("the value cannot be read (%s), so it %w", v.Text, ErrUnspeakable)
	case v.Null && (s.source.Null || nullable):
		return json.RawMessage("null"), nil
	case v.Null:
		return nil, fmt.Errorf("NULL %w: the rule does not allow it", ErrUnspeakable)
	case s.source.Map != nil:
		text, ok := s.back[v.Text]
		if !ok {
			return nil, fmt.Errorf("%.60q %w: the map of the rule has no text for it", v.Text, ErrUnspeakable)
		}
		return quoted(text), nil
	case s.source.Unit != "":
		return s.epoch(v)
	case s.number:
		return s.numeral(v)
	case s.moment:
		at, err := moment(v)
		return quoted(at.UTC().Format(time.RFC3339Nano)), err
	default:
		return quoted(v.Text), nil
	}
}

// numeral is a number, in units if the rule has a scale.
func (s slot) numeral(v order.Value) (json.RawMessage, error) {
	n, ok := number(v)
	if !ok {
		return nil, fmt.Errorf("%.60q is no number, so it %w", v.Text, ErrUnspeakable)
	}
	if s.source.Scale == 0 {
		return json.RawMessage(n.Text('f')), nil
	}
	n.Exponent += int32(s.source.Scale) //nolint:gosec // at most 1000
	n.Reduce(&n)
	if n.Exponent < 0 {
		return nil, fmt.Errorf("%s has more than %d decimals, so it %w", v.Text, s.source.Scale, ErrUnspeakable)
	}
	return json.RawMessage(n.Text('f')), nil
}

var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": 1}

// moment reads a time as PostgreSQL prints it in zone UTC.
func moment(v order.Value) (time.Time, error) {
	at, err := time.Parse("2006-01-02 15:04:05.999999999Z07", v.Text)
	if err != nil {
		return at, fmt.Errorf("%.60q is no time, so it %w", v.Text, ErrUnspeakable)
	}
	return at, nil
}

// epoch is a time as a number of units since 1970. A fraction keeps what is below the unit.
func (s slot) epoch(v order.Value) (json.RawMessage, error) {
	at, err := moment(v)
	if err != nil {
		return nil, err
	}
	var n apd.Decimal
	exactly(apd.BaseContext.Mul(&n, apd.New(at.Unix(), 9), apd.New(1, 0)))
	exactly(apd.BaseContext.Add(&n, &n, apd.New(int64(at.Nanosecond()), 0)))
	for unit := units[s.source.Unit]; unit > 1; unit /= 10 {
		n.Exponent--
	}
	n.Reduce(&n)
	return json.RawMessage(n.Text('f')), nil
}
