package source

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// number sums the digests of all rows of a condition, without buckets and groups. The sum needs no hash table, which is a third
// of the time of a digest of three fields.
func (n *snapshot) number(ctx context.Context, h verify.Hash, condition string, args ...any) ([]verify.Digest, error) {
	side, from := n.side.once(h, condition)
	withKey, err := n.withKey(ctx, side.config.Key)
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf("SELECT count(*)::text, %[1]s::text, sum(%[2]s)%[3]s::text FROM %[4]s",
		withKey, side.digest(h), ofKeys(h, side.config.Key), from)
	result, err := n.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	var all, with int64
	var sum pgtype.Text
	for result.Next() {
		raw := result.RawValues()
		if all, err = strconv.ParseInt(string(raw[0]), 10, 64); err != nil {
			return nil, fmt.Errorf("reading a row count: %w", err)
		}
		if with, err = strconv.ParseInt(string(raw[1]), 10, 64); err != nil {
			return nil, fmt.Errorf("reading a row count: %w", err)
		}
		sum = pgtype.Text{String: string(raw[2]), Valid: raw[2] != nil}
	}
	if err := result.Err(); err != nil {
		return nil, err
	}
	var out []verify.Digest
	if with > 0 {
		out = append(out, verify.Digest{Group: order.Null, Rows: with, Sum: sum.String})
	}
	if all > with {
		out = append(out, verify.Digest{NullKey: true, Group: order.Null, Rows: all - with})
	}
	return out, nil
}

// withKey counts the rows that have a key. Where all must have one, a second count of the same rows would take a twenty-fifth of
// the time.
func (n *snapshot) withKey(ctx context.Context, key string) (string, error) {
	counted := "count(" + key + ")"
	if n.side.config.Key != n.side.stored() { // some keys count as none
		return counted, nil
	}
	required, err := n.keyIs(ctx, requiredKey)
	if required {
		return "count(*)", err
	}
	return counted, err
}

// ofKeys leaves rows without a key out of a sum. Only portable digests of them are not NULL anyway.
func ofKeys(h verify.Hash, key string) string {
	if !h.Portable {
		return ""
	}
	return fmt.Sprintf(" FILTER (WHERE (%s) IS NOT NULL)", key)
}
