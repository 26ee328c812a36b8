package lab

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed schema
var schemaFiles embed.FS

// script returns an embedded SQL file.
func script(name string) string { return text(name + ".sql") }

// text returns an embedded file. A missing file is a bug in this package that every test would hit.
func text(file string) string {
	b, err := schemaFiles.ReadFile("schema/" + file)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// createDatabase makes sure that the database in the DSN exists. It connects to the server's own database for this.
func createDatabase(ctx context.Context, dsn string) error {
	u, err := url.Parse(dsn)
	if err != nil {
		return fmt.Errorf("reading DSN: %w", err)
	}
	name := u.Path[1:]
	u.Path = "/postgres"
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return fmt.Errorf("connecting to create database %s: %w", name, err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42P04" { // duplicate_database
		return nil
	}
	if err != nil {
		return fmt.Errorf("creating database %s: %w", name, err)
	}
	return nil
}
