package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/jobs"
	"github.com/nordvarg/crosscheck/source"
)

const checkJobs = "jobs"

// examineJobs asks whether sidecars can share ranges, if they are to. What keeps the ledger from being used has its own findings.
func examineJobs(ctx context.Context, c *config.Config) []doctor.Finding {
	q, err := openJobs(ctx, c, slog.New(slog.DiscardHandler))
	if q == nil || err != nil {
		return nil
	}
	defer q.Close()
	checkup, err := q.Check(ctx)
	switch {
	case err != nil && passes(err):
		return nil
	case err != nil:
		return []doctor.Finding{{Side: ledgerSide, Check: checkJobs, Level: doctor.Error, Message: err.Error(), Hint: hintFor(err)}}
	}
	return []doctor.Finding{jobsFinding(checkup, c.Ledger.Schema, source.UserOf(c.Ledger.DSN.Reveal()))}
}

func jobsFinding(c jobs.Checkup, schema, role string) doctor.Finding {
	f := doctor.Finding{Side: ledgerSide, Check: checkJobs, Level: doctor.Error}
	switch {
	case c.Version > c.WantVersion:
		f.Message = fmt.Sprintf("jobs in schema %s were migrated by a newer crosscheck (version %d, this one knows %d)", schema, c.Version, c.WantVersion)
		f.Hint = hintFor(jobs.ErrNewer)
	case c.Version < c.WantVersion && !c.MayCreate:
		f.Message = fmt.Sprintf("the role may not create the tables of shared ranges in schema %s", schema)
		f = fixed(f, schemaOwner, fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %s TO %s", identifier(schema), identifier(role)))
		f.Hint += ", or let verify.shared be false"
	case !c.MayNumber:
		f.Message = fmt.Sprintf("the role may not use the sequences in schema %s, so it cannot add jobs", schema)
		f = fixed(f, schemaOwner, fmt.Sprintf("GRANT ALL ON ALL SEQUENCES IN SCHEMA %s TO %s", identifier(schema), identifier(role)))
	case c.Version < c.WantVersion:
		f.Level, f.Message = doctor.OK, "the first sidecar creates the tables of shared ranges"
	default:
		f.Level, f.Message = doctor.OK, fmt.Sprintf("sidecars share ranges by jobs of version %d", c.Version)
	}
	return f
}
