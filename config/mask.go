package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// leastMasked is the length from which a secret is masked. Shorter ones would mask half of each sentence.
const leastMasked = 4

// Mask replaces every secret of the configuration in a text that comes from a library or a server: passwords in every
// form of DSN and from PGPASSWORD, what options= sets, tokens and webhooks. A password that is also the name of user,
// database or host is not masked, because the name is no secret.
func (c *Config) Mask(text string) string {
	if c.mask != nil {
		text = c.mask(text)
	}
	return passwords.ReplaceAllString(text, "${1}"+redacted)
}

// passwords are values that a text itself calls so. A DSN with a mistake may hold one where no library looks for it.
var passwords = regexp.MustCompile(`(?i)((?:password|passwd|pwd)\s*(?:=|%3D)\s*)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?:[^\s"\x60\\]|\\[^"])+)`)

// secrets are those of the sections.
func (c *Config) secrets() (found []string) {
	for _, dsn := range []Secret{c.Legacy.DSN, c.Projection.DSN, c.Events.DSN, c.Ledger.DSN} {
		found = append(found, secretsOf(dsn.Reveal())...)
	}
	found = append(found, c.Cutover.secrets()...)
	found = append(found, c.Reads.secrets()...)
	for _, s := range []Secret{c.Alerts.Slack.Token, c.Alerts.Slack.Webhook, c.Stream.SASL.Password, c.Stream.Registry.Password} {
		found = append(found, s.Reveal())
	}
	return found
}

// masking replaces what was found, and what the environment has, the longest first.
func masking(found []string, getenv func(string) (string, bool)) func(string) string {
	for _, name := range []string{"PGPASSWORD", "PGSSLPASSWORD"} {
		if value, ok := getenv(name); ok {
			found = append(found, value)
		}
	}
	found = slices.DeleteFunc(found, func(s string) bool { return len(s) < leastMasked || s == "crosscheck" })
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, s := range slices.Compact(found) {
		pairs = append(pairs, s, redacted)
	}
	return strings.NewReplacer(pairs...).Replace
}

// keyValue is one setting of a DSN in the form of key=value pairs.
var keyValue = regexp.MustCompile(`([a-zA-Z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)`)

// urlPassword is the password of a URL, readable or not.
var urlPassword = regexp.MustCompile(`^[a-z]+://[^:@/]*:(.*)@`)

// secretsOf returns the secrets of one DSN, as they are written and as they are meant.
func secretsOf(dsn string) []string {
	secret, public := []string{dsn}, []string{""}
	set := func(name, value string) {
		switch name {
		case "password", "sslpassword", "passfile":
			secret = append(secret, value)
		case "options":
			secret = append(secret, value)
			secret = append(secret, optionValues(value)...)
		case "user", "dbname", "host":
			public = append(public, value)
		}
	}
	for _, m := range passwords.FindAllStringSubmatch(dsn, -1) {
		secret = append(secret, strings.Trim(m[2], `'"`))
	}
	if strings.Contains(dsn, "://") {
		if m := urlPassword.FindStringSubmatch(dsn); m != nil {
			secret = append(secret, m[1])
			// If it is not escaped, libraries take a part of it for the host.
			secret = append(secret, strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune("@/?#:", r) })...)
		}
		if u, err := url.Parse(dsn); err == nil {
			password, _ := u.User.Password()
			secret = append(secret, password)
			public = append(public, u.User.Username(), u.Hostname(), strings.TrimPrefix(u.Path, "/"))
			for name, values := range u.Query() {
				for _, v := range values {
					set(name, v)
					set(name, url.QueryEscape(v))
				}
			}
		}
	} else {
		for _, m := range keyValue.FindAllStringSubmatch(dsn, -1) {
			value := m[2]
			if strings.HasPrefix(value, "'") {
				value = value[1 : len(value)-1]
			}
			set(m[1], value)
			set(m[1], strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\ `, " ").Replace(value))
		}
	}
	return slices.DeleteFunc(secret, func(s string) bool { return slices.Contains(public, s) })
}

var (
	option = regexp.MustCompile(`=((?:[^\s\\]|\\.)+)`)
	plain  = regexp.MustCompile(`^([0-9]+[a-z]*|on|off|true|false)$`)
)

// optionValues returns what options= sets, except for plain numbers and switches, which are no secrets.
func optionValues(options string) (values []string) {
	for _, m := range option.FindAllStringSubmatch(options, -1) {
		if !plain.MatchString(m[1]) {
			values = append(values, m[1], strings.ReplaceAll(m[1], `\`, ""))
		}
	}
	return values
}
