package order_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

func TestAKeyIsTheSameHoweverItIsSpelt(t *testing.T) {
	const uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
	for _, test := range []struct {
		of         order.KeyType
		text, want string // an empty want: no key of that type
	}{
		{order.KeyInteger, "7", "7"},
		{order.KeyInteger, "07", "7"},
		{order.KeyInteger, "-0", "0"},
		{order.KeyInteger, "9223372036854775808", ""},
		{order.KeyInteger, "xyz", ""},
		{order.KeyInteger, "", ""},
		{order.KeyUUID, uuid, uuid},
		{order.KeyUUID, "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", uuid},
		{order.KeyUUID, "a0eebc999c0b4ef8bb6d6bb9bd380a11", uuid},
		{order.KeyUUID, "{" + uuid, ""},
		{order.KeyUUID, uuid + "0", ""},
		{order.KeyUUID, "7", ""},
		{order.KeyText, "07", "07"},
		{order.KeyText, "a\x00b", ""},
		{order.KeyText, strings.Repeat("x", 2500), strings.Repeat("x", 2500)},
		{order.KeyText, strings.Repeat("x", 2501), ""}, // the ledger's index has no room for it
	} {
		got, ok := order.CanonicalKey(test.of, test.text)
		if ok != (test.want != "") || string(got) != test.want {
			t.Errorf("%s %q is %q, %v; want %q", test.of, test.text, got, ok, test.want)
		}
	}
}
