package source

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

var (
	_ verify.Tracked  = (*snapshot)(nil)
	_ verify.Reaching = (*snapshot)(nil)
)

// Mark notes the oldest transaction that the snapshot does not see. Rows that a later snapshot sees and this one does not were
// written by that one or by a younger one, also if they were committed late.
func (n *snapshot) Mark(ctx context.Context) (verify.Mark, error) {
	defer n.side.observe("mark")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	c := n.side.config
	columns := []string{c.Key}
	for _, f := range c.Fields {
		columns = append(columns, f.Expr)
	}
	if c.Archived != "" {
		columns = append(columns, c.Archived)
	}
	m, err := n.side.mark(ctx, n.tx, columns...)
	if err != nil {
		return m, n.fail("noting how far it was read", err)
	}
	return m, nil
}

// Reach implements [verify.Reaching].
func (n *snapshot) Reach(ctx context.Context) (verify.Mark, error) {
	defer n.side.observe("reach")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	m, err := n.side.reach(ctx, n.tx)
	if err != nil {
		return m, n.fail("asking how far it is read", err)
	}
	return m, nil
}

// Written reads all rows once, in chunks, and returns those that were written.
func (n *snapshot) Written(ctx context.Context, since verify.Mark, q verify.WrittenQuery, progress func(int64)) (verify.Written, error) {
	defer n.side.observe("written")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	out, err := n.written(ctx, since, q, progress)
	if err != nil {
		return out, n.fail("looking for what was written", err)
	}
	return out, nil
}

func (n *snapshot) written(ctx context.Context, since verify.Mark, q verify.WrittenQuery, progress func(int64)) (out verify.Written, err error) {
	most, read := int64(pieceRows), n.writtenIn
	if len(since.Files) == 1 {
		most, read = chunkRows, n.addressesIn
	}
	chunks, err := n.side.pieces(ctx, n.tx, since, atOnce(q.Pace, most))
	if err != nil {
		return out, err
	}
	unique, err := n.keyIs(ctx, uniqueIndex)
	if err != nil {
		return out, err
	}
	q.Digests = q.Digests && unique
	var keys summing
	var unread rowAddresses
	for _, chunk := range chunks {
		var part writtenPart
		err := n.tolerant(ctx, nil, func() (err error) {
			part, err = read(ctx, chunk, since, q)
			return err
		})
		if err == nil {
			err = keys.add([]verify.Digest{part.all})
		}
		if err != nil {
			return out, err
		}
		out.Rows += part.all.Rows
		out.NoKey += part.noKey
		out.Written, unread = append(out.Written, part.rows...), append(unread, part.addresses...)
		if out.Stopped = int64(len(out.Written)+unread.count()) > q.Most; out.Stopped {
			return out, nil
		}
		progress(out.Rows)
		if err := paused(ctx, q.Pace, part.all.Rows); err != nil {
			return out, err
		}
	}
	out.Sum = "0"
	for _, d := range keys.digests() {
		out.Sum = d.Sum
	}
	if err := n.tx.Set(ctx, smallSettings); err != nil {
		return out, err
	}
	return out, n.readAt(ctx, unread, q, &out)
}

// keyIs asks about the key's column, if it is one. The answer holds for no other tables, so it is false if some inherit from this one.
func (n *snapshot) keyIs(ctx context.Context, question string) (yes bool, err error) {
	if n.side.shape.keyColumn == 0 {
		return false, nil
	}
	err = n.tx.QueryRow(ctx, question+" AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = $1)", n.side.shape.oid, int16(n.side.shape.keyColumn)).Scan(&yes) //nolint:gosec // a column's number
	return yes, err
}

// writtenPart is what a chunk has shown.
type writtenPart struct {
	all       verify.Digest // of the keys of all of its rows
	rows      []verify.WrittenRow
	noKey     int64
	addresses rowAddresses // of written rows that are not read yet
}

// writtenIn reads a chunk of several tables in one statement, because a second scan would cost as much as the first. Each of its rows
// has the sums of the chunk.
func (n *snapshot) writtenIn(ctx context.Context, chunk string, since verify.Mark, q verify.WrittenQuery) (part writtenPart, err error) {
	rows, err := n.tx.Query(ctx, fmt.Sprintf(`SELECT w.key, w.hash::text, w.digest::text, w.here::text, s.rows::text, s.sum::text FROM (
		SELECT count(*) AS rows, %s AS sum, array_agg(ROW(%s, true)) FILTER (WHERE %s) AS written
		FROM %s WHERE %s) AS s LEFT JOIN LATERAL unnest(s.written) AS w(key text, hash bigint, digest bigint, here boolean) ON true`,
		n.side.keySum(q), n.side.writtenRow(q), writtenSince(since), n.side.itself(), chunk))
	if err != nil {
		return part, err
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()
		if part.all.Rows == 0 {
			part.all.Sum = string(raw[5])
			if part.all.Rows, err = parseInt(raw[4]); err != nil {
				return part, err
			}
		}
		if raw[3] == nil { // nothing was written
			continue
		}
		if err := part.add(raw); err != nil {
			return part, err
		}
	}
	return part, rows.Err()
}

// add reads key, hash and digest.
func (p *writtenPart) add(raw [][]byte) (err error) {
	if raw[0] == nil {
		p.noKey++
		return nil
	}
	w := verify.WrittenRow{Key: order.Key(raw[0])}
	if w.Hash, err = parseInt(raw[1]); err != nil {
		return err
	}
	if w.Digest, err = parseInt(raw[2]); err != nil {
		return err
	}
	p.rows = append(p.rows, w)
	return nil
}

// keySum is the SQL of the sum over the keys of all rows.
func (s *Side) keySum(q verify.WrittenQuery) string {
	if q.NoSum {
		return "0"
	}
	return "sum(" + keyHash(s.shape.keyType, s.config.Key, q.Hash) + ")"
}

// writtenRow is the SQL of what is wanted of a row that was written: its key, the hash of that, and its digest.
func (s *Side) writtenRow(q verify.WrittenQuery) string {
	digest := "0::bigint"
	if q.Digests {
		digest = s.digest(q.Hash)
	}
	return fmt.Sprintf("(%s)::text, %s, %s", s.config.Key, keyHash(s.shape.keyType, s.config.Key, q.Hash), digest)
}

// Keyed reads by key, as Rows does. The key's collation may treat other keys as equal, and their rows are left out.
func (n *snapshot) Keyed(ctx context.Context, keys []order.Key, h verify.Hash) ([]verify.WrittenRow, error) {
	defer n.side.observe("written")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s := n.side
	var out []verify.WrittenRow
	err := n.tolerant(ctx, keys, func() error {
		result, err := n.tx.Query(ctx, fmt.Sprintf("SELECT (%s)::text, (%s)::text FROM %s WHERE %s AND (%[1]s)::text = ANY($1::text[])",
			s.config.Key, keyHash(s.shape.keyType, s.config.Key, h), s.from(), s.byKey()), texts(keys))
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(result, func(row pgx.CollectableRow) (w verify.WrittenRow, err error) {
			raw := row.RawValues()
			w.Key = order.Key(raw[0])
			w.Hash, err = parseInt(raw[1])
			return w, err
		})
		return err
	})
	if err != nil {
		return nil, n.fail("reading the keys of orders", err)
	}
	return out, nil
}

// keyHash is the SQL of a hash of the key alone: 64 bits, not linear.
func keyHash(t order.KeyType, key string, h verify.Hash) string {
	switch {
	case h.Portable:
		return portableDigest(key, nil, h.Seed)
	case t == order.KeyInteger: // hashint8 folds to 32 bits, so the key is in the seed too
		return fmt.Sprintf("hashint8extended((%s)::bigint, %s)", key, keySeed(t, key, h.Seed))
	}
	return keySeed(t, key, h.Seed)
}

// writtenSince is the condition for rows that a transaction has written which the mark did not see. A number in a row has 32
// bits. One that is more than half of their range old looks like one of the future; such a row is frozen.
func writtenSince(m verify.Mark) string {
	return "age(t.xmin) <= " + ageOf(m) + " AND age(t.xmin) >= 0"
}

func ageOf(m verify.Mark) string {
	return fmt.Sprintf("age('%d'::xid)", uint32(m.Oldest)) //nolint:gosec // as PostgreSQL does it
}

// itself is the FROM item of the table with its system columns, which a subquery hides.
func (s *Side) itself() string { return s.config.Table + " AS t" }

// within is the condition for rows that belong to the side.
func (s *Side) within() string {
	if s.config.Where == "" {
		return "true"
	}
	return condition(s.config.Where)
}

const pieceRows = 3_000_000 // of which all may have been written, and are in the server's memory then

// paused waits until the next piece may be read.
func paused(ctx context.Context, p *verify.Pace, rows int64) error {
	if p == nil {
		return nil
	}
	return p.After(ctx, rows)
}

// oids are the numbers of a mark's files.
func oids(m verify.Mark) []string {
	out := make([]string, len(m.Files))
	for i, f := range m.Files {
		out[i], _, _ = strings.Cut(f, " ")
	}
	return out
}

// pieces returns conditions that divide the rows of a mark by their address, into pieces of about most rows.
func (s *Side) pieces(ctx context.Context, tx *session.Tx, m verify.Mark, most int64) ([]string, error) {
	root, err := explain(ctx, tx, "(FORMAT JSON)", "SELECT 1 FROM "+s.from())
	if err != nil {
		return nil, err
	}
	rows := int64(root.Rows)
	if err := wholeSettings(ctx, tx, min(rows, most)); err != nil {
		return nil, err
	}
	count := rows / max(most, 1)
	if count < 2 {
		return []string{s.within()}, nil
	}
	parts, err := byAddress(ctx, tx, oids(m), count)
	for i := range parts {
		parts[i] = s.within() + " AND " + parts[i]
	}
	return parts, err
}

// atOnce is how many rows are in a piece.
func atOnce(p *verify.Pace, most int64) int64 {
	if p == nil {
		return most
	}
	return min(most, p.Rows)
}

// parseInt reads a number that the server has printed.
func parseInt(text []byte) (int64, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading a number: %w", err)
	}
	return n, nil
}
