package verify

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/order"
)

// everyKey is a layout of one bucket, which is all keys, and in which a scan is in the order of the keys.
var everyKey = Layout{ByBounds: true}

// group is all rows of one key.
type group struct {
	key  order.Key
	rows []order.Row
}

// merge reads all rows of two sides in the order of their keys, and calls fn for each key that one of them has. What it holds does not grow with the sides.
func merge(ctx context.Context, t order.KeyType, a, b Snapshot, fn func(key order.Key, a, b []order.Row) error) error {
	g, ctx := errgroup.WithContext(ctx)
	left, right := make(chan group, 1000), make(chan group, 1000)
	g.Go(func() error { defer close(left); return grouped(ctx, a, left) })
	g.Go(func() error { defer close(right); return grouped(ctx, b, right) })
	g.Go(func() error {
		l, okL := <-left
		r, okR := <-right
		for okL || okR {
			before := 0
			switch {
			case !okR:
				before = -1
			case !okL:
				before = 1
			default:
				var err error
				if before, err = compareKeys(t, l.key, r.key); err != nil {
					return err
				}
			}
			var err error
			switch {
			case before < 0:
				err = fn(l.key, l.rows, nil)
				l, okL = <-left
			case before > 0:
				err = fn(r.key, nil, r.rows)
				r, okR = <-right
			default:
				err = fn(l.key, l.rows, r.rows)
				l, okL = <-left
				r, okR = <-right
			}
			if err != nil {
				return err
			}
		}
		return ctx.Err() // a side that could not be read has no end
	})
	return g.Wait()
}

// grouped sends the rows of a side, those of a key together.
func grouped(ctx context.Context, n Snapshot, to chan<- group) error {
	var now group
	send := func() error {
		if now.rows == nil {
			return nil
		}
		select {
		case to <- now:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := n.Scan(ctx, everyKey, []int64{0}, func(r order.Row) error {
		if now.rows != nil && r.Key == now.key {
			now.rows = append(now.rows, r)
			return nil
		}
		err := send()
		now = group{r.Key, []order.Row{r}}
		return err
	})
	if err == nil {
		err = send()
	}
	return err
}

// compareKeys orders keys as scans do.
func compareKeys(t order.KeyType, a, b order.Key) (int, error) {
	if t != order.KeyInteger {
		return cmp.Compare(a, b), nil
	}
	x, err := strconv.ParseInt(string(a), 10, 64)
	if err == nil {
		var y int64
		if y, err = strconv.ParseInt(string(b), 10, 64); err == nil {
			return cmp.Compare(x, y), nil
		}
	}
	return 0, fmt.Errorf("reading a key as a number: %w", err)
}

// Only are up to most keys that the first side has and the second has not, of those that count, which asks for many at once.
func Only(ctx context.Context, a, b Side, most int, counts func(context.Context, []order.Key) ([]order.Key, error)) (found []order.Key, err error) {
	const atOnce = 1000
	inA, err := a.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer inA.Close()
	inB, err := b.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer inB.Close()
	var asked []order.Key
	ask := func() error {
		more, err := counts(ctx, asked)
		found, asked = append(found, more...), nil
		return err
	}
	err = merge(ctx, a.KeyType(), inA, inB, func(key order.Key, a, b []order.Row) error {
		if len(a) > 0 && len(b) == 0 && len(found) < most {
			asked = append(asked, key)
		}
		if len(asked) < atOnce {
			return nil
		}
		return ask()
	})
	if err == nil && len(asked) > 0 {
		err = ask()
	}
	return found[:min(len(found), most)], err
}
