package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
)

// writeStreamClosed keeps the content of closed buckets, and deletes that of open ones.
func writeStreamClosed(ctx context.Context, tx pgx.Tx, c follow.Commit) error {
	var open, ids, stored, sums []int64
	var seen [][]byte
	for id, b := range c.State.Buckets {
		if b != nil {
			open = append(open, id)
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM stream_closed WHERE fingerprint = $1 AND bucket = ANY ($2)`, c.Fingerprint, open); err != nil {
		return err
	}
	for _, k := range c.Closed {
		ids, seen, stored, sums = append(ids, k.Bucket), append(seen, encodeBits(k.Seen)), append(stored, k.Stored), append(sums, signed(k.Sum))
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO stream_closed (fingerprint, bucket, seen, stored, sum)
		SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[])
		ON CONFLICT (fingerprint, bucket) DO UPDATE SET seen = excluded.seen, stored = excluded.stored, sum = excluded.sum`,
		c.Fingerprint, ids, seen, stored, sums)
	return err
}

// ClosedBuckets implements [follow.ClosedLedger].
func (l *Ledger) ClosedBuckets(ctx context.Context, fingerprint string, buckets []int64) ([]follow.ClosedBucket, error) {
	return l.keptBuckets(ctx, `bucket = ANY ($2)`, fingerprint, buckets)
}

// ClosedAfter implements [follow.ClosedLedger].
func (l *Ledger) ClosedAfter(ctx context.Context, fingerprint string, after int64, limit int) ([]follow.ClosedBucket, error) {
	return l.keptBuckets(ctx, `bucket > $2 ORDER BY bucket LIMIT $3`, fingerprint, after, limit)
}

func (l *Ledger) keptBuckets(ctx context.Context, which string, args ...any) (kept []follow.ClosedBucket, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT bucket, seen, stored, sum FROM stream_closed WHERE fingerprint = $1 AND `+which, args...)
		if err != nil {
			return err
		}
		kept, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k follow.ClosedBucket, err error) {
			var seen []byte
			var sum int64
			if err := row.Scan(&k.Bucket, &seen, &k.Stored, &sum); err != nil {
				return k, err
			}
			k.Sum = unsigned(sum)
			k.Seen, err = decodeBits(seen)
			return k, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading closed buckets: %w", err)
	}
	return kept, nil
}

// Sums are below 2^63.
func signed(sum uint64) int64   { return int64(sum) }  //nolint:gosec // see above
func unsigned(sum int64) uint64 { return uint64(sum) } //nolint:gosec // see above

// Two ways to write bits: as they are, or as the lengths of equal runs.
const (
	plainBits  = 'b'
	runsOfBits = 'r' // varints: the number of 0 bits, then of 1 bits, then of 0 bits, ...
)

// maxBits limits what is decoded. It is far more than a bucket has.
const maxBits = 1 << 20

var errBits = errors.New("the stored bits of a bucket cannot be decoded")

// encodeBits writes the bits of a bucket in as few bytes as possible. If ids have no holes, the bits are one run.
func encodeBits(set []byte) []byte {
	out := []byte{runsOfBits}
	run, is := uint64(0), false
	for i := range len(set) * 8 {
		if bit := set[i/8]&(1<<(i%8)) != 0; bit != is {
			out, run, is = binary.AppendUvarint(out, run), 0, bit
		}
		run++
		if len(out) > len(set) {
			return append([]byte{plainBits}, set...)
		}
	}
	return binary.AppendUvarint(out, run)
}

func decodeBits(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errBits
	}
	kind, b := b[0], b[1:]
	if kind == plainBits {
		return b, nil
	}
	var runs []uint64
	var all uint64
	for len(b) > 0 {
		run, n := binary.Uvarint(b)
		if n <= 0 || run > maxBits || all > maxBits {
			return nil, errBits
		}
		runs, all, b = append(runs, run), all+run, b[n:]
	}
	if kind != runsOfBits || all%8 != 0 {
		return nil, errBits
	}
	set := make([]byte, all/8)
	at := uint64(0)
	for i, run := range runs {
		for end := at + run; at < end; at++ {
			if i%2 == 1 {
				set[at/8] |= 1 << (at % 8)
			}
		}
	}
	return set, nil
}
