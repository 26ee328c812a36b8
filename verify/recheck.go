package verify

import (
	"context"
	"slices"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Recheck is a pass over a few orders that somebody named. It renews and resolves their divergences, and is no evidence of any other
// order: no criterion reads such a pass.
const Recheck PassKind = "recheck"

// Recheck compares orders now. Those that differ are looked at again before a settle window has passed, as in a delta pass.
func (c *Comparison) Recheck(ctx context.Context, l lease.Lease, s Start, keys []order.Key) (Pass, error) {
	s.Kind = Recheck
	keys = distinct(slices.Clone(keys))
	return c.run(ctx, l, s, again(func(p *pass, ctx context.Context, scan *Scan) error { return p.given(ctx, scan, keys) }))
}

func (p *pass) given(ctx context.Context, scan *Scan, keys []order.Key) error {
	if _, err := p.locate(ctx); err != nil {
		return err
	}
	s, err := p.c.begin(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := p.mark(ctx, s); err != nil {
		return err
	}
	for part := range slices.Chunk(keys, p.batchSize(batch)) {
		if err := p.resolve(ctx, s, part, func(order.Key) bool { return false }); err != nil {
			return err
		}
	}
	scan.Compared, scan.Coverage = int64(len(keys)), 1
	return nil
}
