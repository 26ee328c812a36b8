package source

import (
	"fmt"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/source/session"
)

// DSNFault is [session.DSNFault].
func DSNFault(dsn string) (message, hint string) { return session.DSNFault(dsn) }

// DatabaseOf is the database that a dsn leads to. Which host serves it may change; what it is called does not.
func DatabaseOf(dsn string) string {
	parsed, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return ""
	}
	return parsed.Database
}

// PlaceOf is the server and the database that a dsn leads to, for people; empty if it does not say.
func PlaceOf(dsn string) string {
	parsed, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s on %s", parsed.Database, net.JoinHostPort(parsed.Host, strconv.Itoa(int(parsed.Port))))
}
