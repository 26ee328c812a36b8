package source

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// foldKeys folds the orders with some keys.
func (n *folded) foldKeys(ctx context.Context, d *folding, q verify.DigestQuery) error {
	if len(q.Keys) == 0 {
		return nil
	}
	wanted := make(map[string]bool, len(q.Keys))
	for _, key := range q.Keys {
		wanted[string(key)] = true
	}
	inBuckets := func(cellKey) bool { return true }
	if q.Buckets != nil {
		of, err := bucketOf(n.side.shape.keyType, n.tx.Encoding(), q.Parent)
		if err != nil {
			return err
		}
		inBuckets = func(k cellKey) bool { return slices.Contains(q.Buckets, of(k)) }
	}
	// The collation of the index may find more keys than these.
	d.skip = func(k cellKey) bool { return !wanted[string(k.text)] || !inBuckets(k) }
	if err := n.tx.Set(ctx, scanSettings(true)); err != nil {
		return err
	}
	r := n.reader(n.fold.byKey, n.fold.comparesTimes())
	r.keyless = true
	return d.run(ctx, n.tx, r, []string{r.query(n.fold.ofKeys(q.Keys))})
}

// ofKeys is the condition for the events of some orders, without an argument: a COPY has none.
func (f *Fold) ofKeys(keys []order.Key) string {
	condition, args := f.events.ofKeys(keys)
	for i, arg := range args {
		var text string
		switch stored := arg.(type) {
		case []string:
			list := make([]order.Key, len(stored))
			for i, key := range stored {
				list[i] = order.Key(key)
			}
			text = "(" + keyArray(list) + ")"
		case []int64:
			text = "'{" + strings.Trim(strings.ReplaceAll(fmt.Sprint(stored), " ", ","), "[]") + "}'"
		default:
			text = fmt.Sprintf("'%d'", stored)
		}
		condition = strings.ReplaceAll(condition, fmt.Sprintf("$%d::", i+1), text+"::")
	}
	return condition
}
