package source

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/verify"
)

// Written rows of a single table are found in two steps: their addresses are collected while all rows are read, and then only these
// rows are read. What is only wanted of them would make the server take all others apart too, and six bytes for each are all that it
// keeps meanwhile. In one snapshot an address stays that of the same row.

const (
	addressSize     = 6 // bytes: those of the page's number and of the place on it, the highest first
	addressesAtOnce = 20_000
)

// rowAddresses are as the server sends them.
type rowAddresses []byte

func (a rowAddresses) count() int { return len(a) / addressSize }

// text prints them as an array.
func (a rowAddresses) text() string {
	out := make([]byte, 0, a.count()*len(`"(1234567,123)",`)+len("{}"))
	for separator := byte('{'); len(a) > 0; separator, a = ',', a[addressSize:] {
		out = append(out, separator, '"', '(')
		out = strconv.AppendUint(out, uint64(binary.BigEndian.Uint32(a)), 10)
		out = append(out, ',')
		out = strconv.AppendUint(out, uint64(binary.BigEndian.Uint16(a[4:])), 10)
		out = append(out, ')', '"')
	}
	return string(append(out, '}'))
}

// addressesIn reads a chunk, and returns the addresses of the rows that were written. If they are more than were asked for, one more
// than that is returned.
func (n *snapshot) addressesIn(ctx context.Context, chunk string, since verify.Mark, q verify.WrittenQuery) (part writtenPart, err error) {
	var sum pgtype.Text // NULL where there are no rows
	var digits []byte
	err = n.tx.QueryRow(ctx, fmt.Sprintf(`SELECT s.rows, s.sum::text, encode(substr(s.written, 1, %d), 'hex') FROM (
		SELECT count(*) AS rows, %s AS sum, string_agg(tidsend(t.ctid), '') FILTER (WHERE %s) AS written FROM %s WHERE %s) AS s`,
		(q.Most+1)*addressSize, n.side.keySum(q), writtenSince(since), n.side.itself(), chunk)).Scan(&part.all.Rows, &sum, &digits)
	if err != nil {
		return part, err
	}
	part.all.Sum = sum.String
	size, err := hex.Decode(digits, digits)
	if err != nil {
		return part, fmt.Errorf("reading addresses of rows: %w", err)
	}
	part.addresses = digits[:size]
	return part, nil
}

// readAt adds the rows at addresses. A server that thinks of a scan for many of them would scan for each batch.
func (n *snapshot) readAt(ctx context.Context, all rowAddresses, q verify.WrittenQuery, out *verify.Written) error {
	if len(all) == 0 {
		return nil
	}
	if err := n.tx.Set(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
		return err
	}
	for batch := range slices.Chunk(all, int(atOnce(q.Pace, addressesAtOnce))*addressSize) {
		var part writtenPart
		err := n.tolerant(ctx, nil, func() (err error) {
			part, err = n.at(ctx, batch, q)
			return err
		})
		if err != nil {
			return err
		}
		out.NoKey, out.Written = out.NoKey+part.noKey, append(out.Written, part.rows...)
		if err := paused(ctx, q.Pace, int64(batch.count())); err != nil {
			return err
		}
	}
	return n.tx.Set(ctx, "SET LOCAL enable_seqscan TO DEFAULT")
}

// at reads the rows at addresses.
func (n *snapshot) at(ctx context.Context, a rowAddresses, q verify.WrittenQuery) (part writtenPart, err error) {
	rows, err := n.tx.Query(ctx, fmt.Sprintf("SELECT w.key, w.hash::text, w.digest::text FROM (SELECT %s FROM %s WHERE t.ctid = ANY($1::text::tid[])) AS w(key, hash, digest)",
		n.side.writtenRow(q), n.side.itself()), a.text())
	if err != nil {
		return part, err
	}
	defer rows.Close()
	part.rows = make([]verify.WrittenRow, 0, a.count())
	for rows.Next() {
		if err := part.add(rows.RawValues()); err != nil {
			return part, err
		}
	}
	return part, rows.Err()
}
