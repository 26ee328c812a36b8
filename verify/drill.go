package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/order"
)

// drillRows is how many rows of both sides are digested again, or read, in one go. The first time there are fewer, which tell
// whether another digest helps.
const (
	drillRows = 1_000_000
	firstRows = drillRows / 8
)

// Rows of a side are streamed in groups, of which a few are in memory at once. There are not many, because rows may be wide.
const (
	groupRows = 16
	groups    = 2 // waiting; one more is being filled, and one is being compared
)

// errUnordered is returned if a side streams its keys out of order, because a merge would then give wrong results.
var errUnordered = errors.New("keys came out of order; is the key's index damaged?")

// step reads a part of the buckets that differ, whose rows were counted, and says how to read the next part.
type step func(ctx context.Context, part []int64, counted sizes) (next step, err error)

// drill goes from buckets that differ to the orders that do. A second level of digests narrows a bucket down before rows are read. If
// that has not helped before, each row is digested by itself. With differences everywhere, reading at once is cheaper.
func (w *walk) drill(ctx context.Context, differing buckets) (err error) {
	next := w.readAll
	if w.ranged() && !w.layout.ByBounds && w.layout.Shift > refineBits {
		next = w.refine
	}
	total := int64(len(differing.byNumber))
	var done int64
	for _, part := range w.parts(differing) {
		w.progress("drill-down", done, total)
		done += int64(len(part))
		if next, err = next(ctx, part, differing.of(part)); err != nil {
			return err
		}
	}
	return nil
}

// readAll is the step that reads all rows.
func (w *walk) readAll(ctx context.Context, part []int64, counted sizes) (step, error) {
	return w.readAll, w.read(ctx, w.layout, part, counted)
}

// parts groups buckets so that each part is a bounded amount of work. If each part is a scan of the table, there is one. Rows
// are streamed in both cases.
func (w *walk) parts(b buckets) [][]int64 {
	limit := cmp.Or(w.p.c.firstPart, firstRows)
	if !w.ranged() {
		limit = math.MaxInt64
	}
	var out [][]int64
	var rows int64
	for _, number := range b.numbers() {
		if size := b.byNumber[number].rows(); len(out) == 0 || rows+size > limit {
			if len(out) > 0 {
				limit = drillRows
			}
			out = append(out, nil)
			rows = 0
		}
		last := len(out) - 1
		out[last] = append(out[last], number)
		rows += b.byNumber[number].rows()
	}
	return out
}

// refine digests the given buckets again, 128 times finer, and reads what differs.
func (w *walk) refine(ctx context.Context, part []int64, counted sizes) (step, error) {
	fine := Layout{Shift: w.layout.Shift - refineBits}
	differing, same, err := w.digest(ctx, DigestQuery{Layout: fine, Hash: w.hash, Parent: w.layout, Buckets: part}, nil, 0)
	if err != nil {
		return nil, err
	}
	again := differing.all().plus(same.all())
	if again != counted {
		return nil, uncounted(again, counted)
	}
	for _, b := range same.byNumber {
		w.scan.Compared += b.legacy
	}
	if err := w.read(ctx, fine, differing.numbers(), differing.all()); err != nil {
		return nil, err
	}
	switch differ, equal := len(differing.byNumber), len(same.byNumber); {
	case differ <= equal:
		return w.refine, nil
	case w.itemized() && equal > differ/fewEqual:
		return w.itemize, nil
	}
	return w.readAll, nil
}

// fewEqual says when hardly any bucket of the second level, which have some 16 orders, is equal: less than one of so many. Then a quarter
// of the orders differ, or more.
const fewEqual = 100

// errUncounted is returned if a bucket has not the rows that its digest counted in the same snapshot.
var errUncounted = errors.New("the rows that were read are not those that were counted; is an index damaged?")

// read compares the rows of buckets by value. All that were counted must be read, or an order might be missed.
func (w *walk) read(ctx context.Context, l Layout, part []int64, counted sizes) error {
	var read sizes
	compared, err := w.merge(ctx, l, part, w.counting(&read))
	w.scan.Compared += compared
	if err == nil && read != counted {
		err = uncounted(read, counted)
	}
	return err
}

// counting adds up the rows that are compared.
func (w *walk) counting(read *sizes) differFunc {
	return func(ctx context.Context, key order.Key, legacy, other []order.Row) (bool, error) {
		*read = read.plus(sizes{int64(len(legacy)), int64(len(other))})
		delete(w.unseen, key)
		return w.differ(ctx, key, legacy, other)
	}
}

func uncounted(read, counted sizes) error {
	return fmt.Errorf("%w (%d and %d read, %d and %d counted)", errUncounted, read.legacy, read.projection, counted.legacy, counted.projection)
}

// merge streams both sides in key order, compares key by key, and returns the number of distinct keys. Memory is
// bounded however many rows there are.
func (w *walk) merge(ctx context.Context, l Layout, part []int64, differ differFunc) (compared int64, err error) {
	if len(part) == 0 {
		return 0, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	legacy := w.stream(ctx, g, w.sides.legacy, l, part)
	projection := w.stream(ctx, g, w.sides.projection, l, part)
	g.Go(func() error {
		for {
			key, left, right := nextKey(legacy, projection)
			// This is checked first, because a stream that broke off makes all other orders look missing or phantom.
			if err := errors.Join(legacy.failed(), projection.failed()); err != nil {
				return err
			}
			if len(left)+len(right) == 0 {
				return w.p.aside.wait() // before ctx ends
			}
			compared++
			differs, err := differ(ctx, key, left, right)
			if err != nil {
				return err
			}
			if differs {
				w.differs++
			}
		}
	})
	return compared, g.Wait()
}

// rowStream is one side's rows in key order.
type rowStream struct {
	groups  chan []order.Row
	rows    []order.Row // of the current group, not taken yet
	ended   bool
	compare func(a, b order.Key) int
	err     error // what the merge found wrong
	scanErr error // why reading ended; set before groups is closed
}

// failed returns why the stream is not complete.
func (s *rowStream) failed() error {
	if s.err != nil || !s.ended {
		return s.err
	}
	return s.scanErr
}

func (w *walk) stream(ctx context.Context, g *errgroup.Group, n Snapshot, l Layout, part []int64) *rowStream {
	s := &rowStream{groups: make(chan []order.Row, groups), compare: keyOrder(w.keyType)}
	g.Go(func() error {
		defer close(s.groups)
		send := func(rows []order.Row) error {
			select {
			case s.groups <- rows:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var rows []order.Row
		s.scanErr = n.Scan(ctx, l, part, func(r order.Row) error {
			if rows == nil {
				rows = make([]order.Row, 0, groupRows)
			}
			if rows = append(rows, r); len(rows) < groupRows {
				return nil
			}
			full := rows
			rows = nil
			return send(full)
		})
		if s.scanErr == nil && len(rows) > 0 {
			s.scanErr = send(rows)
		}
		return s.scanErr
	})
	return s
}

// peek is the next row's key.
func (s *rowStream) peek() (order.Key, bool) {
	for len(s.rows) == 0 && !s.ended {
		rows, ok := <-s.groups
		s.rows, s.ended = rows, !ok
	}
	if s.err != nil || len(s.rows) == 0 {
		return "", false
	}
	return s.rows[0].Key, true
}

// take returns all rows with the given key.
func (s *rowStream) take(key order.Key) []order.Row {
	var out []order.Row
	for {
		next, ok := s.peek()
		if !ok || next != key {
			if ok && len(out) > 0 && s.compare(next, key) < 0 {
				s.err = fmt.Errorf("%w: %q after %q", errUnordered, next, key)
			}
			return out
		}
		n := 1
		for n < len(s.rows) && s.rows[n].Key == key {
			n++
		}
		if out == nil {
			out = s.rows[:n:n] // usually all
		} else {
			out = append(out, s.rows[:n]...)
		}
		s.rows = s.rows[n:]
	}
}

// nextKey returns the rows that each side has for the smallest current key; none on either side at the end.
func nextKey(legacy, projection *rowStream) (key order.Key, left, right []order.Row) {
	l, haveLeft := legacy.peek()
	r, haveRight := projection.peek()
	switch {
	case haveLeft && haveRight && l == r:
		return l, legacy.take(l), projection.take(l)
	case haveLeft && (!haveRight || legacy.compare(l, r) < 0):
		return l, legacy.take(l), nil
	case haveRight:
		return r, nil, projection.take(r)
	}
	return "", nil, nil
}
