package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Recheck is a pass over a few orders that somebody named. It renews and resolves their divergences, and is no evidence of any other
// order: no criterion reads such a pass.
const Recheck PassKind = "recheck"

// Recheck compares orders now. The divergences of an order that is gone are resolved, and a key that names no order makes the pass unverified. Those that differ are looked at again before a settle window has passed, as in a delta pass.
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
	var nowhere []order.Key
	for part := range slices.Chunk(keys, p.batchSize(batch)) {
		r, err := p.readRows(ctx, s, part)
		if err != nil {
			return err
		}
		if err := p.readEvents(ctx, s, part, &r); err != nil {
			return err
		}
		if err := p.resolveRead(ctx, part, r, func(order.Key) bool { return false }); err != nil {
			return err
		}
		for _, key := range part {
			if len(r.legacy[key])+len(r.projection[key])+len(r.events[key]) == 0 {
				nowhere = append(nowhere, key)
			}
		}
	}
	scan.Compared, scan.Coverage = int64(len(keys)-len(nowhere)), 1
	if len(nowhere) > 0 { // they may be typing errors: that nothing differs there proves nothing
		scan.Coverage, scan.Reason = float64(scan.Compared)/float64(len(keys)), namesNoOrder(nowhere)
	}
	return nil
}

// mostNamed is how many keys a reason names.
const mostNamed = 10

func namesNoOrder(keys []order.Key) string {
	named := make([]string, 0, mostNamed)
	for _, key := range keys[:min(len(keys), mostNamed)] {
		named = append(named, string(key))
	}
	text := count(int64(len(keys)), "key names no order: ", "keys name no order: ") + strings.Join(named, ", ")
	if rest := len(keys) - mostNamed; rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
