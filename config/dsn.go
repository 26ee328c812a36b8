package config

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// dsnAt is a connection string and its place.
type dsnAt struct {
	dsn  Secret
	node *yaml.Node
	path string
}

var connection = regexp.MustCompile(`^\s*(postgres(ql)?://|[a-z_]+\s*=)`)

// otherSystem is true of connection strings as other systems have them, such as user:password@tcp(host:3306)/db.
var otherSystem = regexp.MustCompile(`(?i)^\s*((jdbc:)?(mysql|mariadb|mssql|sqlserver|oracle|mongodb(\+srv)?|db2|sqlite3?)[:+/]|(server|data source)\s*=|.*@((tcp|unix)\(|/))`)

// dsn reads a connection string, which is required.
func (o *object) dsn(into *Secret) {
	o.require("dsn", `a connection string, such as dsn: "${LEGACY_DSN}"`)
	o.secret("dsn", into)
	switch {
	case into.Empty(), connection.MatchString(into.Reveal()):
	case otherSystem.MatchString(into.Reveal()):
		o.at(target(o.values["dsn"]), join(o.path, "dsn"), "is a connection string of another database system",
			"both sides, the event store and the ledger are PostgreSQL; copy the table of another system into PostgreSQL, or show it there by a foreign data wrapper")
	default:
		o.at(target(o.values["dsn"]), join(o.path, "dsn"), "is not a connection string of PostgreSQL",
			"postgres://user:password@host:5432/database, or host=… dbname=… user=…")
	}
	if n := o.values["dsn"]; n != nil {
		o.dsns = append(o.dsns, dsnAt{*into, target(n), join(o.path, "dsn")})
	}
}

// dsnList reads a list of connection strings; nil if it is absent.
func (o *object) dsnList(key string) (all []Secret) {
	for i, text := range o.expandedTexts(key) {
		all = append(all, NewSecret(text))
		o.dsns = append(o.dsns, dsnAt{all[i], target(o.values[key]), fmt.Sprintf("%s[%d]", join(o.path, key), i)})
	}
	return all
}

// CheckDSNs has each connection string judged by the library that will use it. The function says what is wrong and how to
// correct it; an empty message says that nothing is. The error is an [Errors].
func (c *Config) CheckDSNs(fault func(dsn string) (message, hint string)) error {
	return c.checkDSNs(fault)
}

func (r *reader) checkDSNs(fault func(dsn string) (message, hint string)) error {
	for _, d := range r.dsns {
		if message, hint := fault(d.dsn.Reveal()); message != "" {
			r.at(d.node, d.path, message, hint)
		}
	}
	if len(r.errs) == 0 {
		return nil
	}
	return r.errs.sorted()
}
