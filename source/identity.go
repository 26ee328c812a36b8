package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/verify"
)

// Identity identifies the database that a side really reads, whatever its DSN says.
type Identity struct {
	System   string // of the cluster, shared by physical replicas; empty if the server does not tell it
	Database string // oid and name
	Table    string // oid of the relation, or the subquery's text
}

// String returns a text that stays the same for the same table of the same database.
func (i Identity) String() string { return i.System + "/" + i.Database + "/" + i.Table }

// Identity asks the server for the table by its name, because another table may have taken the name since the side was
// opened.
func (s *Side) Identity(ctx context.Context) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	id := Identity{Table: s.config.Table}
	if s.config.Table != "" && !s.isSubquery() { // empty if only the database is asked for
		oid, _, err := s.resolveTable(ctx)
		if err != nil {
			return id, fmt.Errorf("identifying %s: %w", s.config.Representation, err)
		}
		id.Table = strconv.FormatUint(uint64(oid), 10)
	}
	const database = "SELECT oid::text || ' ' || datname FROM pg_catalog.pg_database WHERE datname = current_database()"
	if err := s.pool.QueryRow(ctx, database).Scan(&id.Database); err != nil {
		return id, fmt.Errorf("identifying %s: %w", s.config.Representation, err)
	}
	// Some services hide the identifier. Then only the database's oid and name are used.
	var err error
	if id.System, err = s.told(ctx, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"); err != nil {
		return id, fmt.Errorf("identifying %s: %w", s.config.Representation, err)
	}
	return id, nil
}

// Origin says where a side's rows come from, for fingerprints of evidence: the table's identity, the timeline of the
// server's history, and the configured addresses. A physical copy of a server has the same identity, and the same
// timeline until it is promoted. Only its address differs from the original. User, password and options are not
// included.
type Origin struct {
	Identity
	Timeline  string
	Addresses string
}

// String returns a text that stays the same for the same place.
func (o Origin) String() string { return o.Identity.String() + "/" + o.Timeline + "/" + o.Addresses }

// Parts are names and texts of what an origin is made of.
func (o Origin) Parts() [][2]string {
	return [][2]string{
		{"system identifier", o.System}, {"database", o.Database}, {"table", o.Table}, {"timeline", o.Timeline}, {"address", o.Addresses},
	}
}

// Origin asks the server where the rows come from.
func (s *Side) Origin(ctx context.Context) (Origin, error) {
	id, err := s.Identity(ctx)
	if err != nil {
		return Origin{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	timeline, err := s.told(ctx, "SELECT timeline_id::text FROM pg_catalog.pg_control_checkpoint()")
	if err != nil {
		return Origin{}, fmt.Errorf("asking %s for its timeline: %w", s.config.Representation, err)
	}
	return Origin{id, timeline, strings.Join(endpoints(s.pool.Config()), ",")}, nil
}

// endpoints are the hosts and ports that a connection may be made to, sorted.
func endpoints(c *pgconn.Config) []string {
	all := []string{endpoint(c.Host, c.Port)}
	for _, f := range c.Fallbacks { // further hosts, and the same ones with and without TLS
		all = append(all, endpoint(f.Host, f.Port))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func endpoint(host string, port uint16) string {
	return net.JoinHostPort(strings.ToLower(host), strconv.Itoa(int(port)))
}

// told returns the answer to a question that some services refuse, and then the empty string. If the server could not
// be asked, it returns an error, because a broken connection must not change an identity.
func (s *Side) told(ctx context.Context, query string) (string, error) {
	var answer pgtype.Text
	err := s.pool.QueryRow(ctx, query).Scan(&answer)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && !slices.Contains(passing, refused.Code[:2]) {
		return "", nil
	}
	return answer.String, err
}

// passing are the classes of errors that say nothing about the question: connection, resources, intervention.
var passing = []string{"08", "53", "57"}

// Probe digests a table of known values on the server: every type that a digest uses, with values for which hash
// functions differ or are blind.
func (s *Side) Probe(ctx context.Context, h verify.Hash) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	query := "SELECT " + rowDigest("integer", "k", probeFields, h) + " FROM (VALUES " + probeValues + ") AS t(k, a, b, c, d, e, f, g) ORDER BY k, e"
	rows, err := s.pool.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("testing the hash functions of %s: %w", s.config.Representation, err)
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var digest int64
		if err := rows.Scan(&digest); err != nil {
			return nil, fmt.Errorf("testing the hash functions of %s: %w", s.config.Representation, err)
		}
		out = append(out, digest)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("testing the hash functions of %s: %w", s.config.Representation, err)
	}
	if n := len(out); out[n-2] == out[n-1] {
		return nil, fmt.Errorf("testing the hash functions of %s: %w", s.config.Representation, errBlind)
	}
	return out, nil
}

// errBlind is returned for hash functions that give two times with different values the same digest.
var errBlind = errors.New("two times that differ have the same digest")
