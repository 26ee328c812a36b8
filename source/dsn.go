package source

import (
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
