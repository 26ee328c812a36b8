package verify

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Folds draws orders of the projection uniformly and compares their rows with their folds.
type Folds struct {
	Projection Side
	Events     Events
	Random     Random
	Wait       func(ctx context.Context, d time.Duration) error // as in [Comparison]
}

// foldBatch is how many histories are read at once. It is small, because what was read before a deadline counts.
const foldBatch = 100

// secondFold is how long after the first look an order that differs is looked at again. Its events may have been stored in
// another order than that of their positions.
const secondFold = 2 * time.Second

// Compare draws up to size orders, of a small projection all, and adds them; what differs, as it is at a second look. It returns
// why none can be drawn. At a deadline it ends early, and the error is that of the context.
func (f Folds) Compare(ctx context.Context, size int, into *compare.Folds) (refused string, err error) {
	n, err := f.Projection.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer n.Close()
	keys, refused, err := f.draw(ctx, n, size)
	if err != nil || refused != "" {
		return refused, err
	}
	var again []order.Key
	err = f.look(ctx, n, keys, func(row order.Row, history []order.Event) {
		if into.Differs(row, history) {
			again = append(again, row.Key)
			return
		}
		into.Add(row, history)
	})
	n.Close()
	if err != nil || len(again) == 0 {
		return "", err
	}
	if err := f.Wait(ctx, secondFold); err != nil {
		return "", err
	}
	second, err := f.Projection.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer second.Close()
	return "", f.look(ctx, second, again, into.Add)
}

// look calls fn for each of the orders that has one row.
func (f Folds) look(ctx context.Context, n Snapshot, keys []order.Key, fn func(order.Row, []order.Event)) error {
	for part := range slices.Chunk(keys, foldBatch) {
		rows, err := n.Rows(ctx, part)
		if err != nil {
			return err
		}
		histories, err := f.Events.Histories(ctx, part) // after the rows, which must not be newer
		if err != nil {
			return err
		}
		for key, rows := range byKey(rows) {
			if len(rows) == 1 { // a key that is there twice has its own finding
				fn(rows[0], histories[key])
			}
		}
	}
	return nil
}

// draw draws by address, or, where rows have none, integers from the range of the keys.
func (f Folds) draw(ctx context.Context, n Snapshot, size int) (keys []order.Key, refused string, err error) {
	d, err := n.Draws(ctx)
	switch {
	case err != nil:
		return nil, "", err
	case d.NoLookup != "":
		return nil, d.NoLookup, nil
	case d.NoAddress == "":
		keys, err = drawKeys(ctx, f.Random, n, size)
		return keys, "", err
	case f.Projection.KeyType() != order.KeyInteger:
		return nil, fmt.Sprintf("keys of type %s are drawn by the address of their row, and there is none: %s", f.Projection.KeyType(), d.NoAddress), nil
	}
	e, err := n.Extent(ctx)
	if err != nil || e.Empty {
		return nil, "", err
	}
	return f.fromRange(ctx, n, e, size)
}

// fromRange tries integers between the smallest and the largest key, of a small range all.
func (f Folds) fromRange(ctx context.Context, n Snapshot, e Extent, size int) (keys []order.Key, refused string, err error) {
	span, err := span(e, e)
	if err != nil {
		return nil, "", err
	}
	var tried []order.Key
	for i := range min(span, maxRead-1) + 1 {
		if span >= maxRead {
			i = offset(f.Random, span)
		}
		tried = append(tried, order.Key(strconv.FormatInt(smallest(e)+int64(i), 10)))
	}
	rows, err := n.Rows(ctx, tried)
	for _, r := range rows {
		keys = append(keys, r.Key)
	}
	if len(keys) == 0 && err == nil {
		return nil, tooSparse + "rows have no addresses", nil
	}
	keys = shuffled(f.Random, keys)
	return keys[:min(size, len(keys))], "", err
}
