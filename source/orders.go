package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// ErrNullKey is returned by [Side.Orders] if there are rows without a key.
var ErrNullKey = errors.New("rows have a NULL key")

// Orders calls fn for each order of one snapshot, sorted by key: integers by value, all others by bytes. The snapshot is not older
// than the position that it returns.
func (s *Side) Orders(ctx context.Context, fn func(order.Row) error) (verify.Position, error) {
	at, err := s.Position(ctx)
	if err != nil {
		return at, err
	}
	n, err := s.begin(ctx, "SELECT "+s.columns(s.config.Key)+" FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return at, err
	}
	defer n.Close()
	var keyless bool
	if err := n.tx.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE (%s) IS NULL)", s.from(), s.config.Key)).Scan(&keyless); err != nil {
		return at, n.fail("looking for rows without a key", err)
	}
	if keyless {
		return at, fmt.Errorf("reading the orders of %s: %w", s.config.Representation, ErrNullKey)
	}
	return at, n.Scan(ctx, verify.Layout{ByBounds: true}, []int64{0}, fn)
}
