package order_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// keys are members that nobody expects, each of another name.
func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	return b.String()
}

func nested(depth int) string {
	return strings.Repeat(`{"x":[`, depth/2) + strings.Repeat("]}", depth/2)
}

// sized is the payload of a cancel of that many bytes.
func sized(bytes int) string {
	const frame = `{"reason":""}`
	return `{"reason":"` + strings.Repeat("x", bytes-len(frame)) + `"}`
}

// TestWhatIsTooLargeIsAFinding has events at the limits and beyond them. Each stands in the store and in a message. What is beyond
// a limit keeps its place, and is taken for what it is by both ways to read it.
func TestWhatIsTooLargeIsAFinding(t *testing.T) {
	const good = order.SchemaKind("")
	for _, test := range []struct {
		name, payload string
		kind          order.SchemaKind
	}{
		{"as large as can be", sized(order.MaxPayload), good},
		{"larger", sized(order.MaxPayload + 1), order.TooLarge},
		{"ten megabytes", sized(10_000_000), order.TooLarge},
		{"as many keys as can be", `{"reason":"x"` + keys(999) + "}", order.UnknownKey},
		{"more keys", `{"reason":"x"` + keys(1000) + "}", order.TooLarge},
		{"far too many keys", `{"reason":"x"` + keys(50_000) + "}", order.TooLarge},
		{"many keys, one of them twice", `{"reason":"x"` + keys(900) + `,"k7":8}`, order.DuplicateKey},
		{"many keys where nobody looks", `{"reason":"x","more":{"x":1` + keys(50_000) + "}}", order.UnknownKey},
		{"as deep as can be", `{"reason":"x","more":` + nested(98) + "}", order.UnknownKey},
		{"deeper", `{"reason":"x","more":` + nested(100) + "}", order.TooLarge},
		{"far too deep", `{"reason":"x","more":` + nested(200_000) + "}", order.TooLarge},
		{"a number of a million digits", `{"reason":1` + strings.Repeat("0", 1_000_000) + "}", order.BadNumber},
		{"such a number where nobody looks", `{"reason":"x","more":1` + strings.Repeat("0", 1_000_000) + "}", order.UnknownKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := decode("OrderCanceled", test.payload, order.Defaults())
			holdLimit(t, "the event", e, err, test.kind)
			text := message("OrderCanceled", test.payload)
			e, err = order.DecodeMessage(text, order.Defaults())
			holdLimit(t, "the message", e, err, test.kind)
			holdFlat(t, text, row("OrderCanceled", test.payload), order.Defaults())
		})
	}
	text := strings.TrimSuffix(string(message("OrderCanceled", `{"reason":"x"}`)), "}") + keys(50_000) + "}"
	e, err := order.DecodeMessage([]byte(text), order.Defaults())
	holdLimit(t, "a message of too many keys", e, err, order.TooLarge)
}

func holdLimit(t *testing.T, what string, e order.Event, err error, kind order.SchemaKind) {
	t.Helper()
	var got order.SchemaKind
	finding, ok := errors.AsType[*order.SchemaError](err)
	if ok {
		got = finding.Kind
	}
	if got != kind || err != nil && !ok {
		t.Errorf("%s: %.200v, want %q", what, err, kind)
	}
	if len(fmt.Sprint(err)) > 500 {
		t.Errorf("%s: a finding of %d bytes", what, len(err.Error()))
	}
	if e.Position != 17 || e.Key != "42" || (e.Said != nil) != (kind == "" || kind == order.UnknownKey) {
		t.Errorf("%s: the event is %d of %s, body %T", what, e.Position, e.Key, e.Said)
	}
}
