package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Digests of a large table are read in chunks of its file, so that there is progress to show. A just-in-time compiler compiles the
// statement of each chunk again, and saves a fifth of the scan: as much as it takes at a million rows, or at half as many where the
// connection has compiled before. Its optimiser saves a tenth of the rest, from some three million rows on.
const (
	chunkRows     = 9_000_000
	jitRows       = 500_000
	optimisedRows = 6_000_000
	maxGroups     = 1000
)

// Digests sums row digests by bucket and group in one scan.
func (n *snapshot) Digests(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	defer n.side.observe("digest")()
	if q.Buckets != nil || q.Keys != nil {
		found, err := n.bounded(ctx, q.Pace, func(ctx context.Context) ([]verify.Digest, error) { return n.digestSome(ctx, q) })
		if err != nil {
			return nil, n.fail("digesting a part", err)
		}
		return found, nil
	}
	if found, err := n.onSeveral(ctx, q, progress); found != nil || err != nil {
		return found, err
	}
	var sums summing
	for part, err := range n.chunks(ctx, q.Pace) {
		if err != nil {
			return nil, n.fail("planning the digest", err)
		}
		found, err := n.bounded(ctx, q.Pace, func(ctx context.Context) (found []verify.Digest, err error) {
			err = n.tolerant(ctx, nil, func() (err error) {
				found, err = n.digest(ctx, q, part.where, part.args...)
				return err
			})
			return found, err
		})
		if err == nil {
			err = sums.add(found)
		}
		if err != nil {
			return nil, n.fail("digesting", err)
		}
		progress(sums.rows)
	}
	if err := n.tx.Set(ctx, smallSettings); err != nil {
		return nil, n.fail("digesting", err)
	}
	return sums.digests(), nil
}

// bounded gives a statement its deadline, and pauses after it.
func (n *snapshot) bounded(ctx context.Context, pace *verify.Pace, read func(context.Context) ([]verify.Digest, error)) ([]verify.Digest, error) {
	reading, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	found, err := read(reading)
	if err != nil || pace == nil {
		return found, err
	}
	var rows int64
	for _, d := range found {
		rows += d.Rows
	}
	return found, pace.After(ctx, rows)
}

// digestOf returns a digest statement over the text after FROM.
//
// OFFSET 0 hides the bucket expression from the planner. Otherwise it would expect as many groups as there are keys,
// and sort the whole table on disk.
func (n *snapshot) digestOf(h verify.Hash, l verify.Layout, condition string, args []any) (selecting, from string, _ []any) {
	return n.digestUpTo("OFFSET 0", h, l, condition, args)
}

// digestUpTo is digestOf for a number of rows, as LIMIT or OFFSET.
func (n *snapshot) digestUpTo(rows string, h verify.Hash, l verify.Layout, condition string, args []any) (selecting, from string, _ []any) {
	side, from := n.side.once(h, condition)
	bucket, args := side.bucket(l, args)
	return "SELECT b::text, g, count(*)::text, sum(h)::text FROM ",
		fmt.Sprintf("(SELECT %s AS b, %s AS g, %s AS h FROM %s %s) s GROUP BY b, g", bucket, side.groupSQL(), side.digest(h), from, rows), args
}

func (n *snapshot) digest(ctx context.Context, q verify.DigestQuery, condition string, args ...any) ([]verify.Digest, error) {
	condition += " AND " + n.inRange()
	if q.Layout.Whole {
		return n.number(ctx, q.Hash, condition, args...)
	}
	selecting, from, args := n.digestOf(q.Hash, q.Layout, condition, args)
	return n.collect(ctx, selecting+from, args...)
}

// digestSome reads the digests of some keys, or of some buckets.
func (n *snapshot) digestSome(ctx context.Context, q verify.DigestQuery) ([]verify.Digest, error) {
	if q.Keys == nil {
		return n.digestBuckets(ctx, q)
	}
	condition, args := n.side.exactly(), []any{texts(q.Keys)}
	if q.Buckets != nil {
		var parent string
		parent, args = n.side.bucket(q.Parent, args)
		args = append(args, q.Buckets)
		condition += fmt.Sprintf(" AND %s = ANY($%d::bigint[])", parent, len(args))
	}
	return n.digest(ctx, q, condition, args...)
}

// exactly is the condition for rows with the keys of the first argument. Equality in the collation of the index may find more.
func (s *Side) exactly() string {
	condition := s.byKey()
	if s.shape.keyType == order.KeyText {
		condition += fmt.Sprintf(" AND %s = ANY($1::text[])", keySQL(s.shape.keyType, s.config.Key))
	}
	return condition
}

// digestBuckets reads the digests of some buckets of a coarser layout. If an index helps, it reads ranges of keys.
func (n *snapshot) digestBuckets(ctx context.Context, q verify.DigestQuery) ([]verify.Digest, error) {
	if !n.side.shape.keyIndex || q.Parent.ByBounds || q.Parent.ByHash || q.Parent.Whole || q.Layout.Whole {
		parent, args := n.side.bucket(q.Parent, nil)
		args = append(args, q.Buckets)
		return n.digest(ctx, q, fmt.Sprintf("%s = ANY($%d::bigint[])", parent, len(args)), args...)
	}
	low, high := keyRanges(q.Parent.Shift, q.Buckets)
	condition := fmt.Sprintf("(%[1]s) >= r.low AND (%[1]s) <= r.high AND %[2]s", n.side.config.Key, n.inRange())
	selecting, from, args := n.digestOf(q.Hash, q.Layout, condition, []any{low, high})
	return n.collect(ctx, selecting+"unnest($1::bigint[], $2::bigint[]) AS r(low, high) CROSS JOIN LATERAL "+from, args...)
}

// bucket returns the SQL of a key's bucket. Bounds are passed as a further argument.
func (s *Side) bucket(l verify.Layout, args []any) (string, []any) {
	key := keySQL(s.shape.keyType, s.config.Key)
	switch {
	case l.ByHash:
		return hashBucket(s.shape.keyType, s.config.Key, l), args
	case !l.ByBounds && !l.Whole:
		return fmt.Sprintf("(%s::bigint >> %d)", key, l.Shift), args
	}
	args = append(args, texts(l.Bounds))
	return fmt.Sprintf("width_bucket(%s, $%d::text[]::%s[])::bigint", key, len(args), keyCast(s.shape.keyType)), args
}

// hashBucket is the SQL of a bucket by hash, for which [hashBucketOf] is the same in Go.
func hashBucket(t order.KeyType, key string, l verify.Layout) string {
	if l.Hash.Portable {
		return fmt.Sprintf("(('x' || left(md5(%s), 4))::bit(16)::bigint >> %d)", keySQL(t, key), hashBits-l.Bits)
	}
	return fmt.Sprintf("((%s >> 48 & 65535) >> %d)", keySeed(t, key, l.Hash.Seed), hashBits-l.Bits)
}

// hashBits are the bits of a hash of which a bucket has the first.
const hashBits = 16

func (n *snapshot) collect(ctx context.Context, query string, args ...any) ([]verify.Digest, error) {
	result, err := n.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	var out []verify.Digest
	for result.Next() {
		raw := result.RawValues()
		d := verify.Digest{NullKey: raw[0] == nil, Group: order.Value{Text: string(raw[1]), Null: raw[1] == nil}, Sum: string(raw[3])}
		if !d.NullKey {
			if d.Bucket, err = strconv.ParseInt(string(raw[0]), 10, 64); err != nil {
				return nil, fmt.Errorf("reading a bucket number: %w", err)
			}
		}
		if d.Rows, err = strconv.ParseInt(string(raw[2]), 10, 64); err != nil {
			return nil, fmt.Errorf("reading a row count: %w", err)
		}
		out = append(out, d)
	}
	return out, result.Err()
}

// summing adds up the digests of chunks. Sums are exact and do not wrap.
type summing struct {
	sums   map[summed]*total
	groups map[order.Value]bool
	rows   int64
}

type summed struct {
	bucket  int64
	nullKey bool
	group   order.Value
}

type total struct {
	rows int64
	sum  big.Int
}

// errGroups says that the grouping field does not look like a status.
var errGroups = errors.New("more than 1000 different values in the field that counts are grouped by (compare.group_by)")

func (s *summing) add(found []verify.Digest) error {
	if s.sums == nil {
		s.sums, s.groups = map[summed]*total{}, map[order.Value]bool{}
	}
	var term big.Int
	for _, d := range found {
		if s.groups[d.Group] = true; len(s.groups) > maxGroups {
			return errGroups
		}
		key := summed{d.Bucket, d.NullKey, d.Group}
		t := s.sums[key]
		if t == nil {
			t = &total{}
			s.sums[key] = t
		}
		if _, ok := term.SetString(cmp.Or(d.Sum, "0"), 10); !ok { // rows without a key have no sum
			return fmt.Errorf("reading a digest: %q is not a number", d.Sum)
		}
		t.sum.Add(&t.sum, &term)
		t.rows += d.Rows
		s.rows += d.Rows
	}
	return nil
}

func (s *summing) digests() []verify.Digest {
	out := make([]verify.Digest, 0, len(s.sums))
	for key, t := range s.sums {
		out = append(out, verify.Digest{Bucket: key.bucket, NullKey: key.nullKey, Group: key.group, Rows: t.rows, Sum: t.sum.String()})
	}
	return out
}

// parseMicros reads microseconds since 1970.
func parseMicros(text []byte) (time.Time, error) {
	micros, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the time of a change: %w", err)
	}
	return time.UnixMicro(micros).UTC(), nil
}
