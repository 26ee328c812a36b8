package registry_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/registry"
	"github.com/nordvarg/crosscheck/registry/registrytest"
)

func client(t *testing.T, c registry.Config) *registry.Client {
	t.Helper()
	out, err := registry.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// inAvro is a value as a serializer writes it.
func inAvro(t *testing.T, id uint32, schema string, value any) []byte {
	t.Helper()
	s, err := avro.ParseWithCache(schema, "", &avro.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := avro.Marshal(s, value)
	if err != nil {
		t.Fatal(err)
	}
	return registrytest.Framed(id, data)
}

const pair = `{"type":"record","name":"Pair","fields":[{"name":"a","type":"long"},{"name":"b","type":["null","string"]}]}`

// TestARegistryIsAsked holds the fake to what a real registry answers.
func TestARegistryIsAsked(t *testing.T) {
	for name, start := range map[string]func() string{
		"fake": func() string { return registrytest.New(t, "", "").URL },
		"real": func() string { return registrytest.Start(t) },
	} {
		t.Run(name, func(t *testing.T) {
			url := start()
			plain := registrytest.Register(t, url, "plain", registrytest.Schema{Kind: "JSON", Schema: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`})
			avroed := registrytest.Register(t, url, "pair", registrytest.Schema{Schema: pair})
			registrytest.Register(t, url, "money", registrytest.Schema{Schema: `{"type":"fixed","name":"Money","namespace":"x","size":4,"logicalType":"decimal","precision":8,"scale":2}`})
			registrytest.Register(t, url, "line", registrytest.Schema{
				Schema:     `{"type":"record","name":"Line","namespace":"x","fields":[{"name":"price","type":"Money"}]}`,
				References: []registrytest.Reference{{Name: "x.Money", Subject: "money", Version: 1}},
			})
			nested := registrytest.Register(t, url, "order", registrytest.Schema{
				Schema:     `{"type":"record","name":"Order","namespace":"x","fields":[{"name":"line","type":"Line"}]}`,
				References: []registrytest.Reference{{Name: "x.Line", Subject: "line", Version: 1}},
			})
			value := inAvro(t, avroed, pair, map[string]any{"a": int64(1), "b": "x"})
			for _, test := range []struct {
				avro               bool
				value, want, wrong string
			}{
				{false, string(registrytest.Framed(plain, []byte(`{"a":1}`))), `{"a":1}`, ""},
				{false, string(value), "", fmt.Sprintf("schema %d is of type AVRO, which stream.value does not say", avroed)},
				{false, string(registrytest.Framed(99, []byte("x"))), "", "the registry has no schema 99"},
				{false, `{"a":1}`, "", "has no schema's id"},
				{false, "", "", ""},
				{true, string(value), `{"a":1,"b":"x"}`, ""},
				{true, string(registrytest.Framed(nested, []byte{0xff, 0xff, 0xff, 0x85})), `{"line":{"price":-1.23}}`, ""},
				{true, string(value[:len(value)-1]), "", fmt.Sprintf("read with schema %d, b: the value ends too early", avroed)},
				{true, string(value) + "x", "", "bytes are left over"},
				{true, "\x01" + string(value[1:]), "", "has no schema's id"},
				{true, string(registrytest.Framed(plain, []byte(`{"a":1}`))), "", fmt.Sprintf("schema %d is of type JSON", plain)},
			} {
				r, err := client(t, registry.Config{URL: url + "/", Avro: test.avro}).Read(t.Context(), order.Record{Value: []byte(test.value)})
				switch {
				case err != nil:
					t.Errorf("%q: %v", test.value, err)
				case test.wrong != "" && (r.Unread == nil || !strings.Contains(r.Unread.Error(), test.wrong)):
					t.Errorf("%q: says %v, want %s", test.value, r.Unread, test.wrong)
				case test.wrong == "" && (r.Unread != nil || string(r.Value) != test.want):
					t.Errorf("%q: %s, %v", test.value, r.Value, r.Unread)
				}
			}
		})
	}
}

func TestASchemaIsAskedForOnce(t *testing.T) {
	fake := registrytest.New(t, "", "")
	id := registrytest.Register(t, fake.URL, "pair", registrytest.Schema{Schema: pair})
	c := client(t, registry.Config{URL: fake.URL, Avro: true, Keys: true})
	key := registrytest.Register(t, fake.URL, "key", registrytest.Schema{Schema: `"string"`})
	for range 3 {
		r, err := c.Read(t.Context(), order.Record{Key: inAvro(t, key, `"string"`, "7"), Value: inAvro(t, id, pair, map[string]any{"a": int64(1), "b": nil})})
		if err != nil || r.Unread != nil || string(r.Value) != `{"a":1,"b":null}` || string(r.Key) != `"7"` {
			t.Errorf("read %s, %s, %v, %v", r.Key, r.Value, r.Unread, err)
		}
	}
	if n := fake.Asked.Load(); n != 2 {
		t.Errorf("asked %d times for two schemas", n)
	}
	for _, text := range []string{"7", "", "\x00\x00\x00\x00\x63x"} {
		if r, err := c.Read(t.Context(), order.Record{Key: []byte(text), Value: []byte("x")}); err != nil || string(r.Key) != text {
			t.Errorf("the key %q became %q, %v", text, r.Key, err)
		}
	}
}

func TestASchemaThatCannotBeUsedIsToldByItsID(t *testing.T) {
	fake := registrytest.New(t, "", "")
	deep := registrytest.Register(t, fake.URL, "deep", registrytest.Schema{Schema: `{"type":"record","name":"D","fields":[{"name":"d","type":["null","D"]}]}`})
	wide := registrytest.Register(t, fake.URL, "wide", registrytest.Schema{Schema: `{"type":"array","items":"null"}`})
	self := []registrytest.Reference{{Name: "x", Subject: "self", Version: 1}}
	for _, test := range []struct {
		id   uint32
		body []byte
		want string
	}{
		{registrytest.Register(t, fake.URL, "bad", registrytest.Schema{Schema: `{"type":"record","name":"X"}`}), nil, "it is no schema in Avro"},
		{registrytest.Register(t, fake.URL, "refers", registrytest.Schema{Schema: `"X"`, References: []registrytest.Reference{{Subject: "gone", Version: 1}}}), nil, "the registry has no schema"},
		{registrytest.Register(t, fake.URL, "self", registrytest.Schema{Schema: `"X"`, References: self}), nil, "self, version 1, to which it refers: it is no schema in Avro: unknown type: X"},
		{deep, []byte(strings.Repeat("\x02", 200)), "nested deeper than 100 levels"},
		{wide, []byte("\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"), "bytes of JSON"},
		{wide, []byte("\x01\x02"), "the value ends too early"},
	} {
		r, err := client(t, registry.Config{URL: fake.URL, Avro: true}).Read(t.Context(), order.Record{Value: registrytest.Framed(test.id, test.body)})
		if err != nil || r.Unread == nil || !strings.Contains(r.Unread.Error(), fmt.Sprint("schema ", test.id)) || !strings.Contains(r.Unread.Error(), test.want) {
			t.Errorf("says %v, %v; want %s", r.Unread, err, test.want)
		}
	}
}

func TestARegistryThatDoesNotAnswerSaysNothing(t *testing.T) {
	fake := registrytest.New(t, "u", "p")
	framed := order.Record{Value: registrytest.Framed(registrytest.Register(t, fake.URL, "pair", registrytest.Schema{Schema: pair}), []byte{2, 0})}
	c := client(t, registry.Config{URL: fake.URL, User: "u", Password: "p", Avro: true})
	fake.Down.Store(true)
	if _, err := c.Read(t.Context(), framed); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("down: %v", err)
	}
	if err := c.Away(); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("down, and away is %v", err)
	}
	fake.Down.Store(false)
	if r, err := c.Read(t.Context(), framed); err != nil || r.Unread != nil || c.Away() != nil {
		t.Errorf("up again: %v, %v", r.Unread, err)
	}
	for name, c := range map[string]registry.Config{
		"no login": {URL: fake.URL}, "another password": {URL: fake.URL, User: "u", Password: "secret"}, "nobody there": {URL: "http://127.0.0.1:1"},
		"no URL": {URL: ":"}, "another path": {URL: fake.URL + "/api", User: "u", Password: "p"},
	} {
		if _, err := client(t, c).Read(t.Context(), framed); !errors.Is(err, registry.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARegistryIsTrustedByItsAuthority(t *testing.T) {
	fake := registrytest.NewTLS(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: fake.Server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	framed := order.Record{Value: registrytest.Framed(1, nil)}
	if r, err := client(t, registry.Config{URL: fake.URL, CAFile: file}).Read(t.Context(), framed); err != nil || r.Unread == nil {
		t.Errorf("trusted: %v, %v", r.Unread, err)
	}
	if _, err := client(t, registry.Config{URL: fake.URL}).Read(t.Context(), framed); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("not trusted: %v", err)
	}
	for _, wrong := range []string{"absent.pem", "registry_test.go"} {
		if _, err := registry.New(registry.Config{CAFile: wrong}); err == nil {
			t.Errorf("%s is no mistake", wrong)
		}
	}
}
