package sourcetest

import (
	"context"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.Dated = (*snapshot)(nil)

// Since implements [verify.Dated].
func (n *snapshot) Since(ctx context.Context, times []time.Time) ([]verify.Recent, error) {
	if err := n.before(ctx, "since"); err != nil {
		return nil, err
	}
	if !n.table.Indexed {
		return nil, verify.ErrNotIndexed
	}
	var found []verify.Recent
	for _, r := range n.table.Rows {
		index := slices.IndexFunc(times, func(t time.Time) bool { return !r.ChangedAt.IsZero() && !r.ChangedAt.Before(t) })
		if index < 0 || !n.has(r) {
			continue
		}
		group := order.Null
		if i := slices.IndexFunc(n.table.Fields, func(f order.Field) bool { return f.Name == n.table.GroupBy }); i >= 0 {
			group = r.Values[i]
		}
		i := slices.IndexFunc(found, func(c verify.Recent) bool { return c.Group == group && c.Index == index })
		if i < 0 {
			i = len(found)
			found = append(found, verify.Recent{Group: group, Index: index})
		}
		found[i].Rows++
	}
	return found, nil
}
