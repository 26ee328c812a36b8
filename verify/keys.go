package verify

import (
	"context"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// Keys draws up to size orders from both sides' key space, as a sample does: most of them uniformly, one in ten from those that
// changed last. It returns them in random order, and why there are too few; empty if nothing was in the way.
func (c *Comparison) Keys(ctx context.Context, size int) (keys []order.Key, refused string, err error) {
	p := &pass{c: c}
	s, err := c.begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer s.close()
	d := draw{p: p, sides: s, known: map[order.Key]bool{}, only: func(k []order.Key) { keys = append(keys, k...) }}
	d.size = max(size-size/recent, 1)
	if d.legacy, d.projection, err = both(s, func(n Snapshot) (Draws, error) { return n.Draws(ctx) }); err != nil {
		return nil, "", err
	}
	if refused = refusal(c.Legacy.KeyType(), d.legacy, d.projection); refused != "" {
		return nil, refused, nil
	}
	legacy, projection, err := both(s, func(n Snapshot) (Extent, error) { return n.Extent(ctx) })
	switch {
	case err != nil:
		return nil, "", err
	case legacy.Empty && projection.Empty:
		return nil, "both sides are empty", nil
	}
	if refused, err = d.uniform(ctx, legacy, projection); err != nil {
		return nil, "", err
	}
	if d.size = size; size/recent > 0 {
		if err := d.changed(ctx); err != nil {
			return nil, "", err
		}
	}
	return shuffled(c.Random, slices.Clip(keys[:min(len(keys), size)])), refused, nil
}
