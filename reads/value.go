// Package reads asks both read paths the same questions, and compares what they answer and how fast.
//
// Invariant: an answer counts as different only if both sides gave it again after a settle window in which neither moved. A
// question that could not be answered, or whose answers never held still, is never an agreement. Noise of legacy itself is
// counted beside, and never taken off.
//
// What answers are, when they are the same and how latencies are compared is pure: value.go, differ.go and latency.go.
package reads

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Kind is what a value is.
type Kind int

// The kinds. A value that an answer does not have is Absent, which is not the same as Null.
const (
	Absent Kind = iota
	Null
	Boolean
	Number
	Text
	Time
	Object
	Array
)

// Value is an answer, or a part of one.
type Value struct {
	Kind Kind
	// Text is the value of a scalar: true or false, digits, text, or a time in UTC.
	Text    string
	Members map[string]Value // of an Object
	Items   []Value          // of an Array
}

// Answer is what one side says.
type Answer struct {
	Value
	// Rows is true if the answer is the rows of SQL: an Array with an Object for each.
	Rows bool
	// Took is the time from the question until the last byte of the answer, without the wait for a connection of the pool.
	Took time.Duration
}

// ParseTime reads a time as PostgreSQL or JSON write it; one without a zone is in UTC. A text that is no such time stays a text.
func ParseTime(text string) Value {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return Value{Kind: Time, Text: order.TimestamptzText(at)}
		}
	}
	return Value{Kind: Text, Text: text}
}

var errTrailing = errors.New("there is more behind the JSON value")

// ParseJSON reads one JSON value. Numbers stay as they are written.
func ParseJSON(text []byte) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return Value{}, fmt.Errorf("decoding JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Value{}, errTrailing
	}
	return fromJSON(v), nil
}

func fromJSON(v any) Value {
	switch v := v.(type) {
	case bool:
		return Value{Kind: Boolean, Text: fmt.Sprint(v)}
	case json.Number:
		return Value{Kind: Number, Text: v.String()}
	case string:
		return Value{Kind: Text, Text: v}
	case []any:
		items := make([]Value, len(v))
		for i, item := range v {
			items[i] = fromJSON(item)
		}
		return Value{Kind: Array, Items: items}
	case map[string]any:
		members := make(map[string]Value, len(v))
		for name, member := range v {
			members[name] = fromJSON(member)
		}
		return Value{Kind: Object, Members: members}
	default:
		return Value{Kind: Null}
	}
}

// String shows the value to people, and clips it.
func (v Value) String() string {
	const most = 200
	var b strings.Builder
	v.write(&b, most)
	if b.Len() > most {
		return strings.ToValidUTF8(b.String()[:most], "") + "…"
	}
	return b.String()
}

func (v Value) write(b *strings.Builder, most int) {
	if b.Len() > most {
		return
	}
	switch v.Kind {
	case Absent:
		b.WriteString("nothing")
	case Null:
		b.WriteString("NULL")
	case Text:
		fmt.Fprintf(b, "%q", v.Text)
	case Object:
		b.WriteByte('{')
		for i, name := range slices.Sorted(maps.Keys(v.Members)) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(name + ": ")
			v.Members[name].write(b, most)
		}
		b.WriteByte('}')
	case Array:
		b.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			item.write(b, most)
		}
		b.WriteByte(']')
	default:
		b.WriteString(v.Text)
	}
}
