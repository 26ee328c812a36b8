package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
)

// TestSecretsAreMaskedInErrors lets a library or a server quote each kind of secret.
func TestSecretsAreMaskedInErrors(t *testing.T) {
	for dsn, quotes := range map[string][]string{
		"postgres://app:hunter2secret@db/orders":                                               {"hunter2secret"},
		"postgres://app:hunter2%40secret@db/orders":                                            {"hunter2@secret", "hunter2%40secret"},
		"postgres://app:hunter2/secret@db/orders":                                              {"hunter2/secret"},
		"postgres://app:part@hunter2half@db/orders":                                            {"hunter2half"},
		"postgres://app@db/orders?password=hunter2secret&sslpassword=hunter2key":               {"hunter2secret", "hunter2key"},
		"postgres://app@db/orders?options=-c%20app.key%3Dhunter2secret%20-c%20work_mem%3D64MB": {"hunter2secret", "-c app.key=hunter2secret -c work_mem=64MB"},
		"host=db user=app password=hunter2secret dbname=orders":                                {"hunter2secret"},
		`host=db user=app password='hunter2 \'secret' sslpassword=hunter2key`:                  {"hunter2 'secret", "hunter2key"},
		"host=db user=app dbname=orders,password=hunter2secret sslmode=disable":                {"hunter2secret"},
		"host=db user=app options='-c app.key=hunter2secret -c statement_timeout=5000'":        {"hunter2secret"},
	} {
		env := func(name string) (string, bool) {
			value, ok := map[string]string{"LEDGER": dsn, "PGPASSWORD": "hunter2env"}[name]
			if !ok {
				return environment(name)
			}
			return value, true
		}
		text := strings.Replace(complete, `ledger: {dsn: "${EVENTS_DSN}"}`, `ledger: {dsn: "${LEDGER}"}`, 1) + `alerts: {slack: {token: "xoxb-hunter2token", channel: "#c"}}
events: {dsn: "${EVENTS_DSN}"}
stream: {brokers: ["b:1"], topic: t, sasl: {mechanism: plain, user: u, password: hunter2sasl}}`
		c, err := config.Parse("config.yaml", []byte(text), env)
		if err != nil {
			t.Fatal(err)
		}
		for _, quote := range append(quotes, dsn, "hunter2env", "xoxb-hunter2token", "hunter2sasl") {
			said := c.Mask("connecting to db as app: invalid value \"" + quote + "\" for 5000 orders")
			if strings.Contains(said, "hunter2") || !strings.HasPrefix(said, "connecting to db as app") || !strings.HasSuffix(said, "for 5000 orders") {
				t.Errorf("%s: quoting %s gives %s", dsn, quote, said)
			}
		}
		if printed := fmt.Sprintf("%v %+v %#v", c, *c, c); strings.Contains(printed, "hunter2") {
			t.Errorf("a printed configuration shows a secret: %s", printed)
		}
	}
}

// TestWhatATextCallsAPasswordIsMasked: nothing of it is known from the configuration.
func TestWhatATextCallsAPasswordIsMasked(t *testing.T) {
	c, err := config.Parse("config.yaml", []byte(complete), environment)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"failed to connect to `user=u database=x,password=hunter2&2'2 sslmode=disable`: refused": "failed to connect to `user=u database=x,password=<secret> sslmode=disable`: refused",
		`database "x,PassWord=hunter2" does not exist`:                                           `database "x,PassWord=<secret>" does not exist`,
		`x password = 'hunter2 \' hunter2' y`:                                                    `x password = <secret> y`,
		`x passwd="hunter2 hunter2" y`:                                                           `x passwd=<secret> y`,
		`error="x \"dbname=x,pwd=hunter2\" y"`:                                                   `error="x \"dbname=x,pwd=<secret>\" y"`,
		`/db?a=b&sslpassword=hunter2 y`:                                                          `/db?a=b&sslpassword=<secret> y`,
		`/db?a=b&app_password%3Dhunter2 y`:                                                       `/db?a=b&app_password%3D<secret> y`,
		`password authentication failed, password=<secret>`:                                      `password authentication failed, password=<secret>`,
	} {
		if got := c.Mask(text); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", text, got, want)
		}
	}
}

func TestNamesAreNotMasked(t *testing.T) {
	c, err := config.Parse("config.yaml", []byte(strings.ReplaceAll(complete, "${LEGACY_DSN}", "postgres://orders:orders@orders/orders")), environment)
	if err != nil {
		t.Fatal(err)
	}
	if said := c.Mask("database orders, user orders"); said != "database orders, user orders" {
		t.Errorf("got %s", said)
	}
}
