package sourcetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.Tracked = (*snapshot)(nil)

// writes count the writes of a side as transactions, each committed at once.
type writes struct {
	next int64 // the next transaction
	of   map[order.Key]int64
}

func (w *writes) write(key order.Key) {
	w.of = maps.Clone(w.of) // snapshots keep theirs
	if w.of == nil {
		w.of = map[order.Key]int64{}
	}
	w.next++
	w.of[key] = w.next
}

// Mark implements [verify.Tracked].
func (n *snapshot) Mark(ctx context.Context) (verify.Mark, error) {
	return verify.Mark{Server: "fake", Oldest: n.writes.next + 1}, n.before(ctx, "mark")
}

// Written implements [verify.Tracked].
func (n *snapshot) Written(ctx context.Context, since verify.Mark, q verify.WrittenQuery, progress func(int64)) (verify.Written, error) {
	if err := n.before(ctx, "written"); err != nil {
		return verify.Written{}, err
	}
	out := verify.Written{Rows: int64(len(n.table.Rows) + n.table.NoKey)}
	var all big.Int
	keys := map[order.Key]int{}
	for _, r := range n.table.Rows {
		keys[r.Key]++
	}
	for _, r := range n.table.Rows {
		hash := keyHash(r.Key, q.Hash)
		all.Add(&all, big.NewInt(hash))
		if n.writes.of[r.Key] < since.Oldest {
			continue
		}
		w := verify.WrittenRow{Key: r.Key, Hash: hash}
		if q.Digests && keys[r.Key] == 1 {
			w.Digest = n.digest(r, q.Hash)
		}
		out.Written = append(out.Written, w)
	}
	out.Sum, out.Stopped = all.String(), int64(len(out.Written)) > q.Most
	progress(out.Rows)
	return out, nil
}

// Keyed implements [verify.Tracked].
func (n *snapshot) Keyed(ctx context.Context, keys []order.Key, h verify.Hash) (out []verify.WrittenRow, err error) {
	for _, r := range n.table.Rows {
		if slices.Contains(keys, r.Key) {
			out = append(out, verify.WrittenRow{Key: r.Key, Hash: keyHash(r.Key, h)})
		}
	}
	return out, n.before(ctx, "written")
}

func keyHash(key order.Key, h verify.Hash) int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", h.Seed, key))
	return int64(binary.BigEndian.Uint64(sum[:])) //nolint:gosec // all bits
}
