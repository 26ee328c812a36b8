package source

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// CheckReads sends the queries of the checks, each for a few rows. What it passes can be read by every check.
const CheckReads = "reads"

const (
	triedKeys = 100
	triedRows = 10_000 // that are digested
)

// read is one query of the checks.
type read struct {
	name string
	do   func(context.Context) error
}

// try makes reads one after another. Each is in its own transaction, so that a failure hides no other.
func (e *examination) try(ctx context.Context, reads []read) {
	good := 0
	for _, r := range reads {
		err := r.do(ctx)
		switch {
		case err == nil:
			good++
		case ctx.Err() != nil:
			e.add(doctor.Warning, CheckReads, fmt.Sprintf("%d of %d queries of the checks were tried in time; the next was %s", good, len(reads), r.name),
				"see which queries are slow; a view may need an index below it")
			return
		case errors.Is(err, context.DeadlineExceeded):
			e.add(doctor.Error, CheckReads, fmt.Sprintf("%s takes longer than a check waits (%s)", r.name, readTimeout), "a view may need an index below it")
		case e.lost(r.name, err):
			return
		default:
			e.add(doctor.Error, CheckReads, r.name+": "+whatFailed(err), nextStep(err))
		}
	}
	if good == len(reads) {
		e.add(doctor.OK, CheckReads, fmt.Sprintf("the queries of the checks can run (%d kinds)", good), "")
	}
}

// whatFailed is the server's message, and the row if it is known.
func whatFailed(err error) string {
	if at, ok := errors.AsType[*rowError](err); ok {
		return at.where + ": " + saidBy(at.err)
	}
	return saidBy(err)
}

// examineReads is for a side that has no other error, because its errors would be repeated.
func (e *examination) examineReads(ctx context.Context) {
	if e.hasError() {
		return
	}
	var err error
	if e.shape, err = e.resolve(ctx); err != nil {
		e.failed(CheckReads, "opening the side", err)
		return
	}
	reads := []read{
		{"saying where the rows come from", func(ctx context.Context) error { _, err := e.Origin(ctx); return err }},
		{"reading the key bounds", e.inSnapshot(func(ctx context.Context, n *snapshot) error { _, err := n.Extent(ctx); return err })},
		{"reading rows by key", e.inSnapshot(e.tryRows)},
		{"digesting rows", e.inSnapshot(e.tryDigest)},
	}
	if e.shape.keyIndex {
		reads = append(reads, read{"reading a range of keys", e.inSnapshot(e.tryScan)})
	}
	if e.shape.timeIndex {
		reads = append(reads,
			read{"reading the newest changes", e.inSnapshot(func(ctx context.Context, n *snapshot) error { _, err := n.Changed(ctx, triedKeys); return err })},
			read{"reading the newest change", func(ctx context.Context) error { _, err := e.NewestChange(ctx); return err }},
			read{"counting recent changes", e.inSnapshot(func(ctx context.Context, n *snapshot) error {
				_, err := n.Since(ctx, []time.Time{e.now()})
				return err
			})})
	}
	e.try(ctx, reads)
}

func (e *examination) inSnapshot(do func(context.Context, *snapshot) error) func(context.Context) error {
	return func(ctx context.Context) error {
		opened, err := e.Begin(ctx)
		if err != nil {
			return err
		}
		defer opened.Close()
		n, _ := opened.(*snapshot)
		return e.nameRow(ctx, do(ctx, n))
	}
}

// someKeys are those of the newest rows if an index tells them, and of any rows otherwise.
func (n *snapshot) someKeys(ctx context.Context) ([]order.Key, error) {
	if n.side.shape.timeIndex {
		changes, err := n.Changed(ctx, triedKeys)
		keys := make([]order.Key, len(changes))
		for i, c := range changes {
			keys[i] = c.Key
		}
		return keys, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := n.tx.Query(ctx, fmt.Sprintf("SELECT (%[1]s)::text FROM %[2]s WHERE (%[1]s) IS NOT NULL LIMIT %[3]d", n.side.lookup, n.side.from(), triedKeys))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[order.Key])
}

func (e *examination) tryRows(ctx context.Context, n *snapshot) error {
	keys, err := n.someKeys(ctx)
	if err == nil {
		_, err = n.Rows(ctx, keys)
	}
	if err == nil {
		err = n.failing.first()
	}
	return err
}

// tryDigest digests rows in buckets as a pass does. The layout has one cut.
func (e *examination) tryDigest(ctx context.Context, n *snapshot) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	layout, _ := oneCut(e.shape.keyType)
	selecting, from, args := n.digestUpTo(fmt.Sprintf("LIMIT %d", triedRows), verify.Hash{Seed: probeSeed}, layout, "true", nil)
	found, err := n.collect(ctx, selecting+from, args...)
	if err != nil {
		return err
	}
	var sums summing
	return sums.add(found)
}

func (e *examination) tryScan(ctx context.Context, n *snapshot) error {
	layout, bucket := oneCut(e.shape.keyType)
	return n.Scan(ctx, layout, []int64{bucket}, func(order.Row) error { return nil })
}

// oneCut is a layout for any key, and one of its buckets that is empty or small.
func oneCut(t order.KeyType) (l verify.Layout, bucket int64) {
	if t == order.KeyInteger {
		return verify.Layout{}, math.MinInt64
	}
	return verify.Layout{ByBounds: true, Bounds: []order.Key{order.Key(zeroKey(t))}}, 0
}
