package ledger

import (
	"context"
	"fmt"
	"time"
)

// Checkup is what doctor needs to know of the ledger's database.
type Checkup struct {
	Server   string // version of the server, "15.14"
	Database string
	Role     string
	Encoding string    // of the database; the ledger needs UTF8 to keep every text exactly
	Clock    time.Time // of the server, read at the time of the call
	// ReadOnly is true on a standby, and if the role or database is set to read only. Then the ledger cannot work.
	ReadOnly bool

	SchemaExists    bool
	MayCreateSchema bool // matters only if there is no schema
	MayCreateTables bool // in the schema that exists
	MayWrite        bool // all tables of the ledger that exist can be read and written

	Version, WantVersion int64 // of the tables; Version is 0 if there are none, or if they may not be read
}

// Check reads the database without changing it. An error means that it cannot be reached or refuses the login.
func (l *Ledger) Check(ctx context.Context) (Checkup, error) {
	bounded, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	c := Checkup{WantVersion: WantVersion()}
	var mayUse bool
	err := l.pool.QueryRow(bounded, `
		SELECT current_setting('server_version'), current_database(), current_user, pg_encoding_to_char(d.encoding),
			clock_timestamp(), pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
			n.oid IS NOT NULL, has_database_privilege(d.oid, 'CREATE'),
			coalesce(has_schema_privilege(n.oid, 'CREATE'), false), coalesce(has_schema_privilege(n.oid, 'USAGE'), false),
			NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r'
				AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
					AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))
		FROM pg_database d LEFT JOIN pg_namespace n ON n.nspname = $1
		WHERE d.datname = current_database()`, l.schema).
		Scan(&c.Server, &c.Database, &c.Role, &c.Encoding, &c.Clock, &c.ReadOnly, &c.SchemaExists,
			&c.MayCreateSchema, &c.MayCreateTables, &mayUse, &c.MayWrite)
	if err != nil {
		return c, fmt.Errorf("checking the ledger: %w", err)
	}
	c.Clock = c.Clock.UTC()
	c.MayWrite = c.MayWrite && mayUse
	if !mayUse {
		return c, nil
	}
	if c.Version, err = l.version(ctx); err != nil && !isCode(err, insufficientPrivilege) {
		return c, fmt.Errorf("checking the version of the ledger: %w", err)
	}
	return c, nil
}
