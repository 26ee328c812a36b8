package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/verify"
)

// Identity names the database that a side really reads, whatever its DSN says.
type Identity struct {
	System   string // of the cluster, kept by physical replicas; empty where the server does not tell
	Database string // oid and name
	Table    string // oid of the relation, or the subquery's text
}

// String is stable as long as it is the same table of the same database.
func (i Identity) String() string { return i.System + "/" + i.Database + "/" + i.Table }

// Identity asks the server.
func (s *Side) Identity(ctx context.Context) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	id := Identity{Table: s.config.Table}
	if s.shape.oid != 0 {
		id.Table = fmt.Sprintf("%d", s.shape.oid)
	}
	const database = "SELECT oid::text || ' ' || datname FROM pg_catalog.pg_database WHERE datname = current_database()"
	if err := s.pool.QueryRow(ctx, database).Scan(&id.Database); err != nil {
		return id, fmt.Errorf("identifying %s: %w", s.config.Name, err)
	}
	// Some services withhold the identifier; the database's own oid and name are left then.
	var system pgtype.Text
	if err := s.pool.QueryRow(ctx, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()").Scan(&system); err == nil {
		id.System = system.String
	}
	return id, nil
}

// Probe digests a table of known values on the server: every type that a digest uses, with the values on which
// hash functions differ or are blind.
func (s *Side) Probe(ctx context.Context, h verify.Hash) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	query := "SELECT " + rowDigest("integer", "k", probeFields, h) + " FROM (VALUES " + probeValues + ") AS t(k, a, b, c, d, e, f, g) ORDER BY k"
	rows, err := s.pool.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("testing the hash functions of %s: %w", s.config.Name, err)
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var digest int64
		if err := rows.Scan(&digest); err != nil {
			return nil, fmt.Errorf("testing the hash functions of %s: %w", s.config.Name, err)
		}
		out = append(out, digest)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("testing the hash functions of %s: %w", s.config.Name, err)
	}
	return out, nil
}
