package history

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/uuid"

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

// append writes the metadata of one event, as JSON.
func (m Metadata) append(to []byte, d *Deed) []byte {
	text := func(name, value string) { to = appendQuoted(append(to, name...), value) }
	at := func(name string, t time.Time) {
		if !t.IsZero() {
			to = append(t.UTC().AppendFormat(append(append(to, name...), '"'), time.RFC3339Nano), '"')
		}
	}
	to = append(appendID(append(to, `{"id":"`...), d.ID), '"')
	text(`,"evidence":`, string(d.Evidence))
	text(`,"source":`, d.From.Table)
	text(`,"source_key":`, d.From.Key)
	at(`,"recorded_at":`, d.Recorded)
	at(`,"not_before":`, d.NotBefore)
	at(`,"not_after":`, d.NotAfter)
	to = strconv.AppendInt(append(to, `,"version":`...), Version, 10)
	if m.Batch != "" {
		text(`,"batch":`, m.Batch)
	}
	return append(to, '}')
}

// appendID writes an id as [uuid.UUID.String] does.
func appendID(to []byte, id uuid.UUID) []byte {
	for i, group := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			to = append(to, '-')
		}
		to = hex.AppendEncode(to, group)
	}
	return to
}

// object writes a JSON object whose members come in the order of their paths.
type object struct {
	text []byte
	open []string // the objects in it that are open
}

// member begins a member: its value comes next.
func (o *object) member(path []string) {
	inside := path[:len(path)-1]
	same := 0
	for same < len(o.open) && same < len(inside) && o.open[same] == inside[same] {
		same++
	}
	for range len(o.open) - same {
		o.text = append(o.text, '}')
	}
	o.open = append(o.open[:same], inside[same:]...)
	for _, name := range path[same:] {
		if last := len(o.text) - 1; last >= 0 && o.text[last] != '{' {
			o.text = append(o.text, ',')
		}
		o.text = append(appendQuoted(o.text, name), ':', '{')
	}
	o.text = o.text[:len(o.text)-1]
}

// end closes everything.
func (o *object) end() []byte {
	for range len(o.open) + 1 {
		o.text = append(o.text, '}')
	}
	return o.text
}

// appendQuoted writes a text as JSON, without the escapes that are for HTML.
func appendQuoted(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return append(to, escaped(text)...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}

// escaped is for a text with other than printable ASCII characters.
func escaped(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err) // of a text
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// append writes a value as the rule reads it back.
func (s *slot) append(to []byte, v order.Value, nullable bool) ([]byte, error) {
	switch {
	case v.Failed:
		return to, fmt.Errorf("the value cannot be read (%s), so it %w", v.Text, ErrUnspeakable)
	case v.Null && (s.source.Null || nullable):
		return append(to, "null"...), nil
	case v.Null:
		return to, fmt.Errorf("NULL %w: the rule does not allow it", ErrUnspeakable)
	case s.source.Map != nil:
		text, ok := s.back[v.Text]
		if !ok {
			return to, fmt.Errorf("%.60q %w: the map of the rule has no text for it", v.Text, ErrUnspeakable)
		}
		return appendQuoted(to, text), nil
	case s.source.Unit != "":
		return s.epoch(to, v)
	case s.number:
		return s.numeral(to, v)
	case s.moment:
		at, err := moment(v)
		return append(at.UTC().AppendFormat(append(to, '"'), time.RFC3339Nano), '"'), err
	default:
		return appendQuoted(to, v.Text), nil
	}
}

// numeral is a number, in units if the rule has a scale.
func (s *slot) numeral(to []byte, v order.Value) ([]byte, error) {
	if s.source.Scale == 0 && plainNumber(v.Text) {
		return append(to, v.Text...), nil
	}
	n, ok := number(v)
	if !ok {
		return to, fmt.Errorf("%.60q is no number, so it %w", v.Text, ErrUnspeakable)
	}
	if s.source.Scale == 0 {
		return n.Append(to, 'f'), nil
	}
	n.Exponent += int32(s.source.Scale) //nolint:gosec // at most 1000
	n.Reduce(&n)
	if n.Exponent < 0 {
		return to, fmt.Errorf("%s has more than %d decimals, so it %w", v.Text, s.source.Scale, ErrUnspeakable)
	}
	return n.Append(to, 'f'), nil
}

// plainNumber is true for a number that JSON has in the same form: digits, without leading zeros, and perhaps decimals.
func plainNumber(text string) bool {
	text = strings.TrimPrefix(text, "-")
	whole, decimals, has := strings.Cut(text, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (whole == "0" || whole[0] != '0') && (!has || digits(decimals))
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
func (s *slot) epoch(to []byte, v order.Value) ([]byte, error) {
	at, err := moment(v)
	if err != nil {
		return to, err
	}
	var n apd.Decimal
	exactly(apd.BaseContext.Mul(&n, apd.New(at.Unix(), 9), apd.New(1, 0)))
	exactly(apd.BaseContext.Add(&n, &n, apd.New(int64(at.Nanosecond()), 0)))
	for unit := units[s.source.Unit]; unit > 1; unit /= 10 {
		n.Exponent--
	}
	n.Reduce(&n)
	return n.Append(to, 'f'), nil
}
