package config_test

import (
	"strings"
	"testing"
)

func TestMistakesInRolesAndProxy(t *testing.T) {
	for section, want := range map[string]string{
		`roles: {alice: aprover}`:                          `web.roles.alice: must be one of viewer, operator, approver, found "aprover"`,
		`roles: [alice]`:                                   "web.roles: must be a mapping",
		`proxy: {header: X-User}`:                          "web.proxy.from: is missing",
		`proxy: {from: [10.0.0.0/8]}`:                      "web.proxy.header: is missing",
		`proxy: {header: X-User, from: []}`:                "web.proxy.from: must not be empty",
		`proxy: {header: "X User", from: [10.0.0.0/8]}`:    "web.proxy.header: must be the name of a header",
		`proxy: {header: X-User, from: [10.0.0]}`:          "web.proxy.from[0]: must be an address",
		`proxy: {header: X-User, from: [10.0.0.1], to: x}`: "web.proxy.to: unknown key",
	} {
		_, err := parse(t, complete+"web: {"+section+"}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", section, err, want)
		}
	}
}
