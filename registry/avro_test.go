package registry_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/hamba/avro/v2"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/registry"
	"github.com/nordvarg/crosscheck/registry/registrytest"
)

// TestEachTypeOfAvroIsRead with a value that its library has written.
func TestEachTypeOfAvroIsRead(t *testing.T) {
	at := time.Date(2024, 2, 29, 23, 59, 58, 123_456_000, time.UTC)
	logical := func(on, name string) string { return fmt.Sprintf(`{"type":%q,"logicalType":%q}`, on, name) }
	decimal := func(scale int) string {
		return fmt.Sprintf(`{"type":"bytes","logicalType":"decimal","precision":60,"scale":%d}`, scale)
	}
	ratio := func(text string) *big.Rat {
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal(text)
		}
		return r
	}
	type named = map[string]any
	for _, test := range []struct {
		schema string
		value  any
		want   string
	}{
		{`"null"`, nil, `null`},
		{`"boolean"`, true, `true`},
		{`"int"`, math.MinInt32, `-2147483648`},
		{`"long"`, int64(math.MaxInt64), `9223372036854775807`},
		{`"float"`, float32(0.1), `0.1`},
		{`"double"`, 0.1, `0.1`},
		{`"double"`, math.Inf(-1), `"-Inf"`},
		{`"string"`, "\"\n<é\u2028", `"\"\n\u003cé\u2028"`},
		{`"bytes"`, []byte(`{"a":1}`), `"{\"a\":1}"`},
		{`"bytes"`, []byte{0xff, 0}, `"/wA="`},
		{`{"type":"fixed","name":"F","size":2}`, [2]byte{'a', 'b'}, `"ab"`},
		{`{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, [16]byte{0x12, 0x3e, 15: 0xff}, `"123e0000-0000-0000-0000-0000000000ff"`},
		{`{"type":"enum","name":"E","symbols":["BUY","SELL"]}`, "SELL", `"SELL"`},
		{decimal(4), ratio("123456789012345678901234567890.0001"), `123456789012345678901234567890.0001`},
		{decimal(4), ratio("-0.0100"), `-0.0100`},
		{decimal(0), ratio("-128"), `-128`},
		{decimal(2), ratio("0"), `0.00`},
		{`{"type":"fixed","name":"M","size":8,"logicalType":"decimal","precision":18,"scale":2}`, ratio("-0.01"), `-0.01`},
		{logical("string", "uuid"), "123e4567-e89b-12d3-a456-426614174000", `"123e4567-e89b-12d3-a456-426614174000"`},
		{logical("int", "date"), at, `"2024-02-29"`},
		{logical("int", "time-millis"), 23*time.Hour + 1500*time.Millisecond, `"23:00:01.500"`},
		{logical("long", "time-micros"), 1500 * time.Microsecond, `"00:00:00.001500"`},
		{logical("long", "timestamp-millis"), at, `"2024-02-29T23:59:58.123Z"`},
		{logical("long", "timestamp-micros"), at, `"2024-02-29T23:59:58.123456Z"`},
		{logical("long", "timestamp-micros"), time.Unix(-1, 0), `"1969-12-31T23:59:59.000000Z"`},
		{logical("long", "timestamp-nanos"), at.UnixNano(), `"2024-02-29T23:59:58.123456000Z"`},
		{logical("long", "local-timestamp-millis"), at, `1709251198123`},
		{logical("long", "local-timestamp-micros"), at, `1709251198123456`},
		{`["null","long",{"type":"record","name":"R","fields":[{"name":"x","type":"int"}]}]`, nil, `null`},
		{`["null","long",{"type":"record","name":"R","fields":[{"name":"x","type":"int"}]}]`, named{"R": named{"x": 5}}, `{"x":5}`},
		{`{"type":"array","items":"int"}`, []any{1, 2, 3}, `[1,2,3]`},
		{`{"type":"array","items":"int"}`, []any{}, `[]`},
		{`{"type":"map","values":"int"}`, named{"a\"": 1}, `{"a\"":1}`},
		{`{"type":"record","name":"T","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","T"]}]}`, named{"v": 1, "next": named{"T": named{"v": 2, "next": nil}}}, `{"v":1,"next":{"v":2,"next":null}}`},
	} {
		fake := registrytest.New(t, "", "")
		id := registrytest.Register(t, fake.URL, "s", registrytest.Schema{Schema: test.schema})
		r, err := client(t, registry.Config{URL: fake.URL, Avro: true}).Read(t.Context(), order.Record{Value: inAvro(t, id, test.schema, test.value)})
		if err != nil || r.Unread != nil || string(r.Value) != test.want || !json.Valid(r.Value) {
			t.Errorf("%v in %s: %s, %v, %v; want %s", test.value, test.schema, r.Value, r.Unread, err, test.want)
		}
	}
}

// FuzzAvro: whatever stands after the frame, the value is JSON or a finding.
func FuzzAvro(f *testing.F) {
	const schema = `{"type":"record","name":"T","fields":[{"name":"id","type":{"type":"fixed","name":"F","size":3}},
{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}},{"name":"s","type":["null","string","boolean","double"]},
{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
{"name":"m","type":{"type":"map","values":"float"}},{"name":"l","type":{"type":"array","items":["null","T"]}}]}`
	fake := registrytest.New(f, "", "")
	id := registrytest.Register(f, fake.URL, "t", registrytest.Schema{Schema: schema})
	c, err := registry.New(registry.Config{URL: fake.URL, Avro: true})
	if err != nil {
		f.Fatal(err)
	}
	data, err := avro.Marshal(avro.MustParse(schema), map[string]any{
		"id": [3]byte{}, "d": big.NewRat(1, 8), "s": "x", "e": "A", "at": time.Unix(1, 0), "m": map[string]any{"k": float32(1)}, "l": []any{nil},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := c.Read(t.Context(), order.Record{Value: registrytest.Framed(id, data)})
		if err != nil || r.Unread == nil && !json.Valid(r.Value) {
			t.Errorf("%q: %s, %v", data, r.Value, err)
		}
	})
}
