package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/registry"
	"github.com/nordvarg/crosscheck/registry/registrytest"
)

func TestAFramedValueIsReadWithItsSchema(t *testing.T) {
	fake := registrytest.New(t, "u", "p", map[int]string{
		7: `{"schemaType":"JSON","schema":"{\"type\":\"object\"}"}`, 8: `{"schema":"\"string\""}`,
	})
	c := registry.New(registry.Config{URL: fake.URL + "/", User: "u", Password: "p"})
	for _, test := range []struct{ value, want, unread string }{
		{string(registrytest.Framed(7, []byte(`{"a":1}`))), `{"a":1}`, ""},
		{string(registrytest.Framed(7, []byte(`{"a":2}`))), `{"a":2}`, ""},
		{string(registrytest.Framed(8, []byte("x"))), "", "schema 8 is of type AVRO"},
		{string(registrytest.Framed(9, []byte("x"))), "", "the registry has no schema 9"},
		{`{"a":1}`, "", "has no schema's id"},
		{"", "", ""},
	} {
		r, err := c.JSON(t.Context(), order.Record{Value: []byte(test.value)})
		if err != nil || (r.Unread == nil) != (test.unread == "") || r.Unread != nil && !strings.Contains(r.Unread.Error(), test.unread) ||
			test.unread == "" && string(r.Value) != test.want {
			t.Errorf("%q: %q, %v, %v", test.value, r.Value, r.Unread, err)
		}
	}
	if n := fake.Asked.Load(); n != 3 {
		t.Errorf("asked %d times for three schemas", n)
	}
}

func TestARegistryThatDoesNotAnswerSaysNothing(t *testing.T) {
	fake := registrytest.New(t, "u", "p", map[int]string{7: `{"schemaType":"JSON"}`})
	framed := order.Record{Value: registrytest.Framed(7, []byte(`{}`))}
	c := registry.New(registry.Config{URL: fake.URL, User: "u", Password: "p"})
	fake.Down.Store(true)
	if _, err := c.JSON(t.Context(), framed); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("down: %v", err)
	}
	fake.Down.Store(false)
	if r, err := c.JSON(t.Context(), framed); err != nil || r.Unread != nil {
		t.Errorf("up again: %v, %v", r.Unread, err)
	}
	for name, c := range map[string]registry.Config{"no login": {URL: fake.URL}, "nobody there": {URL: "http://127.0.0.1:1"}, "no URL": {URL: ":"}} {
		if _, err := registry.New(c).JSON(t.Context(), framed); !errors.Is(err, registry.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
