package verify

import "context"

// Sums compares each side as a whole by one number, and records nothing. Unequal numbers prove nothing yet: fields may have a tolerance,
// and open divergences differ.
func (c *Comparison) Sums(ctx context.Context) (rows Rows, equal bool, err error) {
	s, err := c.begin(ctx)
	if err != nil {
		return rows, false, err
	}
	defer s.close()
	hash, err := (&pass{c: c}).agreedHash(ctx, c.Legacy, c.Projection, s)
	if err != nil {
		return rows, false, err
	}
	q := DigestQuery{Layout: Layout{Whole: true}, Hash: hash}
	a, b, err := both(s, func(n Snapshot) ([]Digest, error) { return n.Digests(ctx, q, func(int64) {}) })
	if err != nil {
		return rows, false, err
	}
	legacy, projection, err := numbersOf(a, b)
	if err != nil {
		return rows, false, err
	}
	return Rows{legacy.rows, projection.rows}, legacy.equal(projection) && legacy.nullKeys == 0 && projection.nullKeys == 0, nil
}
