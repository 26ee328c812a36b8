package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// The checks of the ledger that the sides do not have.
const (
	checkSchema  = "schema"
	checkVersion = "version"
)

const ledgerSide = "ledger"

// examineLedger reads the ledger's database and changes nothing in it.
func examineLedger(ctx context.Context, c *config.Config, now func() time.Time) []doctor.Finding {
	dsn := c.Ledger.DSN.Reveal()
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn, Schema: c.Ledger.Schema})
	if err != nil {
		return []doctor.Finding{unopened(dsn, err)}
	}
	defer l.Close()
	before := now()
	checkup, err := l.Check(ctx)
	switch {
	case ledger.Pooled(err):
		return []doctor.Finding{{Side: ledgerSide, Check: source.CheckPooler, Level: doctor.Error, Message: ledger.ErrPooled.Error(), Hint: ledgerPooledHint}}
	case err != nil:
		return []doctor.Finding{source.ConnectionFailed(ledgerSide, dsn, err)}
	}
	skew, precision := source.Skew(checkup.Clock, before, now())
	return append(ledgerFindings(checkup, l.Schema()), source.ClockFinding(ledgerSide, skew, precision))
}

const writableLedgerHint = "name in ledger.dsn a primary, and a role without default_transaction_read_only"

const ledgerPooledHint = "connect to the ledger's server directly; the ledger needs session settings, and migrations hold locks in a session"

// unopened is for a ledger whose configuration is refused. Nothing was connected to.
func unopened(dsn string, err error) doctor.Finding {
	if f := source.ConnectionFailed(ledgerSide, dsn, err); f.Check == source.CheckDSN {
		return f
	}
	return doctor.Finding{Side: ledgerSide, Check: checkSchema, Level: doctor.Error, Message: err.Error(), Hint: "check ledger.dsn and ledger.schema"}
}

// ledgerFindings judges what the ledger's database said.
func ledgerFindings(c ledger.Checkup, schema string) []doctor.Finding {
	server := doctor.Finding{
		Side: ledgerSide, Check: source.CheckServer, Level: doctor.OK,
		Message: fmt.Sprintf("PostgreSQL %s, database %s, as %s", c.Server, c.Database, c.Role),
	}
	if c.ReadOnly {
		server.Level, server.Message = doctor.Error, fmt.Sprintf("database %s can only be read by %s", c.Database, c.Role)
		server.Hint = writableLedgerHint
	}
	encoding := doctor.Finding{Side: ledgerSide, Check: source.CheckEncoding, Level: doctor.OK, Message: "the database's encoding is " + c.Encoding}
	if c.Encoding != "UTF8" {
		encoding.Level, encoding.Hint = doctor.Info, "crosscheck stores UTF-8 in it; to see text beyond ASCII in psql, run SET client_encoding = 'SQL_ASCII'"
		if strings.HasPrefix(c.Encoding, "EUC_") || c.Encoding == "MULE_INTERNAL" {
			encoding.Level, encoding.Hint = doctor.Warning, "use a database in UTF8; values outside ASCII are spelled in it, such as U+2603, and an order's key with other characters than the encoding has cannot be recorded"
		}
	}
	found := []doctor.Finding{server, encoding, schemaFinding(c, schema)}
	if c.SchemaExists && !c.MayWrite {
		return found // the version is not known
	}
	return append(found, versionFinding(c, schema))
}

const schemaOwner = "the owner of the schema"

// fixed gives a finding the statements that mend it, as its hint too.
func fixed(f doctor.Finding, as string, sql ...string) doctor.Finding {
	f.Hint, f.Fixes = strings.Join(sql, "; "), []doctor.Fix{{As: as, SQL: sql}}
	return f
}

// schemaFinding reports whether the role has the rights that the ledger needs in its schema.
func schemaFinding(c ledger.Checkup, schema string) doctor.Finding {
	f := doctor.Finding{Side: ledgerSide, Check: checkSchema, Level: doctor.Error}
	schemaID, role := identifier(schema), identifier(c.Role)
	switch {
	case !c.SchemaExists && !c.MayCreateSchema:
		f.Message = fmt.Sprintf("there is no schema %s, and role %s may not create it", schema, c.Role)
		f = fixed(f, "a superuser", fmt.Sprintf("CREATE SCHEMA %s AUTHORIZATION %s", schemaID, role))
	case !c.SchemaExists:
		f.Level, f.Message = doctor.OK, fmt.Sprintf("schema %s will be created by the first pass", schema)
	case !c.MayWrite:
		f.Message = fmt.Sprintf("role %s may not read and write all tables in schema %s", c.Role, schema)
		f = fixed(f, schemaOwner, fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %s TO %s", schemaID, role),
			fmt.Sprintf("GRANT ALL ON ALL TABLES IN SCHEMA %s TO %s", schemaID, role), fmt.Sprintf("GRANT ALL ON ALL SEQUENCES IN SCHEMA %s TO %s", schemaID, role))
	case c.Version < c.WantVersion && !c.MayCreateTables:
		f.Message = fmt.Sprintf("role %s may not create tables in schema %s", c.Role, schema)
		f = fixed(f, schemaOwner, fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %s TO %s", schemaID, role))
	default:
		f.Level, f.Message = doctor.OK, fmt.Sprintf("schema %s can be written", schema)
	}
	return f
}

func versionFinding(c ledger.Checkup, schema string) doctor.Finding {
	f := doctor.Finding{Side: ledgerSide, Check: checkVersion, Level: doctor.OK, Message: fmt.Sprintf("tables of version %d", c.Version)}
	switch {
	case c.Version > c.WantVersion:
		f.Level = doctor.Error
		f.Message = fmt.Sprintf("schema %s was migrated by a newer crosscheck (version %d, this one knows %d)", schema, c.Version, c.WantVersion)
		f.Hint = "use the newer crosscheck, or another ledger.schema"
	case c.Version == 0:
		f.Message = "no tables yet; the first pass creates them"
	case c.Version < c.WantVersion:
		f.Level = doctor.Info
		f.Message = fmt.Sprintf("tables of version %d; the next pass migrates them to %d", c.Version, c.WantVersion)
		f.Hint = "after that, older versions of crosscheck cannot use this ledger"
	}
	return f
}

// ledgerPlace warns of a ledger in the system of record. Unknown facts have their own findings.
func ledgerPlace(ctx context.Context, c *config.Config) []doctor.Finding {
	legacy, err := source.IdentifyDatabase(ctx, string(order.Legacy), c.Legacy.DSN.Reveal())
	if err != nil {
		return nil
	}
	own, err := source.IdentifyDatabase(ctx, ledgerSide, c.Ledger.DSN.Reveal())
	if err != nil || own.System == "" {
		return nil
	}
	f := doctor.Finding{Side: ledgerSide, Check: source.CheckIdentity, Level: doctor.OK, Message: "the ledger is not in the legacy database"}
	if own == legacy {
		f.Level, f.Message = doctor.Warning, "the ledger is in the legacy database: crosscheck writes into the system of record"
		f.Hint = "set ledger.dsn to the new system's database, or to a separate one"
	}
	return []doctor.Finding{f}
}

// identifier returns a name as SQL reads it.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
