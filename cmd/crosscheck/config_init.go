package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/propose"
	"github.com/nordvarg/crosscheck/source"
)

type configInitCommand struct {
	Legacy          string `placeholder:"DSN" help:"The legacy database; default the environment variable LEGACY_DSN."`
	Projection      string `placeholder:"DSN" help:"The database of the projection; default the environment variable PROJECTION_DSN if --events is not given, then that of --events."`
	Events          string `placeholder:"DSN" help:"The database of the event store; default the environment variable EVENTS_DSN if --projection is not given."`
	LegacyTable     string `placeholder:"TABLE" help:"Legacy's table; default the one that has most in common with one of the projection."`
	ProjectionTable string `placeholder:"TABLE" help:"The projection's table."`
	EventsTable     string `placeholder:"TABLE" help:"The table of events."`
}

// The environment variables that the proposed file names.
const (
	legacyVariable     = "LEGACY_DSN"
	projectionVariable = "PROJECTION_DSN"
	eventsVariable     = "EVENTS_DSN"
)

func (i *configInitCommand) run(ctx context.Context, p *program) (int, error) {
	if err := i.complete(p); err != nil {
		return exitError, err
	}
	found, err := i.look(ctx)
	if err != nil {
		return exitError, err
	}
	text := found.YAML()
	if _, err := io.WriteString(p.stdout, text); err != nil {
		return exitError, fmt.Errorf("writing the configuration: %w", err)
	}
	if _, err := config.Parse("the proposal", []byte(text), i.variables); err != nil {
		return exitError, withHint(fmt.Errorf("the proposal needs a person before it can be read: %w", err), "correct these lines, then run crosscheck config check")
	}
	return exitAgrees, nil
}

// complete takes from the environment what was not given, and has the connection strings judged. From then on errors and
// logs hide their passwords.
func (i *configInitCommand) complete(p *program) error {
	if i.Legacy == "" {
		i.Legacy, _ = p.getenv(legacyVariable)
	}
	if i.Events == "" && i.Projection == "" {
		i.Projection, _ = p.getenv(projectionVariable)
		i.Events, _ = p.getenv(eventsVariable)
	}
	i.Projection = cmp.Or(i.Projection, i.Events)
	if i.Legacy == "" || i.Projection == "" {
		return withHint(errors.New("config init needs the databases of both sides"), "crosscheck config init --legacy DSN --events DSN, or --projection DSN where there is no event store")
	}
	for _, given := range []struct{ flag, dsn string }{{"--legacy", i.Legacy}, {"--projection", i.Projection}, {"--events", i.Events}} {
		if given.dsn == "" {
			continue
		}
		if message, hint := source.DSNFault(given.dsn); message != "" {
			return withHint(fmt.Errorf("%s: %s", given.flag, message), hint)
		}
	}
	const secrets = `{legacy: {dsn: "${LEGACY_DSN}"}, projection: {dsn: "${PROJECTION_DSN}"}, ledger: {dsn: "${EVENTS_DSN}"}, compare: {fields: [{name: status, type: text}]}}`
	c, err := config.Parse("the connection strings", []byte(secrets), i.variables)
	if err != nil {
		return withHint(errors.New("a connection string is none of PostgreSQL"), "postgres://user:password@host:5432/database, or host=… dbname=… user=…")
	}
	p.config = c
	return nil
}

// variables are those that the proposed file names.
func (i *configInitCommand) variables(name string) (string, bool) {
	dsn := map[string]string{legacyVariable: i.Legacy, projectionVariable: i.Projection, eventsVariable: cmp.Or(i.Events, i.Projection)}[name]
	return dsn, dsn != ""
}

// look reads what the proposal is made of.
func (i *configInitCommand) look(ctx context.Context) (*propose.Findings, error) {
	legacy, err := source.OpenSurvey(ctx, "legacy", i.Legacy)
	if err != nil {
		return nil, err
	}
	defer legacy.Close()
	projection, err := source.OpenSurvey(ctx, "projection", i.Projection)
	if err != nil {
		return nil, err
	}
	defer projection.Close()
	f := &propose.Findings{LegacyVar: legacyVariable, ProjectionVar: projectionVariable, EventsVar: eventsVariable}
	if i.Projection == i.Events {
		f.ProjectionVar = eventsVariable
	}
	if err := i.lookAtSides(ctx, f, legacy, projection); err != nil {
		return nil, err
	}
	if i.Events == "" {
		return f, nil
	}
	events := projection
	if i.Events != i.Projection {
		if events, err = source.OpenSurvey(ctx, "events", i.Events); err != nil {
			return nil, err
		}
		defer events.Close()
	}
	if err := i.lookAtEvents(ctx, f, events); err != nil {
		return nil, err
	}
	f.Rows, err = legacy.RowsOf(ctx, f.Pair, f.Sample.Keys())
	return f, err
}

func (i *configInitCommand) lookAtSides(ctx context.Context, f *propose.Findings, legacy, projection *source.Survey) error {
	tables, err := legacy.Tables(ctx)
	if err != nil {
		return err
	}
	others, err := projection.Tables(ctx)
	if err != nil {
		return err
	}
	names := propose.Names{Legacy: i.LegacyTable, Projection: i.ProjectionTable}
	if f.Pair, err = propose.Choose(tables, others, names, i.Legacy == i.Projection); err != nil {
		return withHint(err, initHint(err, "name the tables with --legacy-table and --projection-table"))
	}
	f.AuditLog, f.Trades = propose.FindHistory(tables)
	if f.LegacyCount, err = legacy.Rows(ctx, f.Pair.Legacy.Quoted); err != nil {
		return err
	}
	if f.ProjectionCount, err = projection.Rows(ctx, f.Pair.Projection.Quoted); err != nil {
		return err
	}
	if status := f.Pair.Status(); status != "" {
		f.Statuses, err = legacy.Values(ctx, f.Pair.Legacy.Quoted, status)
	}
	return err
}

func (i *configInitCommand) lookAtEvents(ctx context.Context, f *propose.Findings, events *source.Survey) error {
	tables, err := events.Tables(ctx)
	if err != nil {
		return err
	}
	store, err := propose.FindStore(tables, i.EventsTable, f.Pair.Key, f.Pair.KeyType)
	if err != nil {
		return withHint(err, initHint(err, "name the table with --events-table, or leave --events out and give --projection"))
	}
	f.Store = &store
	if f.Sample, err = events.Sample(ctx, store); err == nil {
		store.FindTime(f.Sample)
	}
	return err
}

func initHint(err error, otherwise string) string {
	if errors.Is(err, propose.ErrNotRead) {
		return "the role needs SELECT on the table and USAGE on its schema, or name another table with --legacy-table, --projection-table or --events-table"
	}
	return otherwise
}
