package session

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// DSNHint shows how a dsn may look.
const DSNHint = "postgres://user:password@host:5432/database, with %XX for special characters in the password, or host=… dbname=… user=…"

// dsnFaults are what the library's errors end with, and what is wrong then. Their own text may hold a part of a password.
var dsnFaults = []struct{ end, message string }{
	{"failed to configure TLS (sslmode is invalid)", "sslmode must be disable, allow, prefer, require, verify-ca or verify-full"},
	{"invalid port", "a port must be a number from 1 to 65535; an unescaped character of a password may be taken for the end of it"},
}

// DSNFault says what is wrong with a dsn, and how to correct it. The message is empty if nothing is, and if it may be the fault
// of a file or of the environment: these are errors of the attempt to connect.
func DSNFault(dsn string) (message, hint string) {
	c, err := pgxpool.ParseConfig(dsn)
	if err == nil {
		if host := c.ConnConfig.Host; strings.Contains(host, "@") && !strings.HasPrefix(host, "/") { // no socket: an error of connecting would quote it
			return "cannot be used: the host has an @, which is probably of the password", DSNHint
		}
		return "", ""
	}
	if _, other := pgxpool.ParseConfig(""); other != nil {
		return "", "" // the environment
	}
	for _, f := range dsnFaults {
		if strings.HasSuffix(err.Error(), ": "+f.end) {
			return "cannot be used: " + f.message, DSNHint
		}
	}
	if cause := errors.Unwrap(err); cause != nil {
		for _, reading := range []string{"failed to read service", "failed to configure TLS"} {
			if strings.HasSuffix(err.Error(), ": "+reading+" ("+cause.Error()+")") {
				return "", ""
			}
		}
	}
	return "is not a connection string of PostgreSQL", DSNHint
}
