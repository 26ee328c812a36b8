package source

import "github.com/nordvarg/crosscheck/source/session"

// DSNFault is [session.DSNFault].
func DSNFault(dsn string) (message, hint string) { return session.DSNFault(dsn) }
