package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	// foldStreams read disjoint ranges of keys at the same time when everything is folded. One stream keeps one core of
	// the server busy, and less than half a core of this process. More streams would slow down other users of the
	// server.
	foldStreams = 2
	// rangeEvents is about how many events one statement reads, so that there is progress to show. For this number the
	// planner uses the index. For many more events of a store larger than effective_cache_size it does not.
	rangeEvents = 75_000
	maxRanges   = 1000
	// pacedChunks are how many chunks of a throttle one statement sends.
	pacedChunks = 10
)

// keyRange is a part of the events by their keys.
type keyRange struct {
	condition string
	// open is true for a range without ends, of which the index may have much else, so that the planner decides whether to use it.
	open bool
}

// foldAll folds everything. If ranges of keys can be read, it uses several connections.
func (n *folded) foldAll(ctx context.Context, d *folding, l verify.Layout) error {
	each, streams := n.fold.rangeEvents, foldStreams
	if d.pace != nil {
		each, streams = min(each, pacedChunks*d.pace.Rows), 1
	}
	ranges, err := n.ranges(ctx, l, each)
	if err != nil {
		return err
	}
	todo := make(chan keyRange, len(ranges))
	for _, r := range ranges {
		todo <- r
	}
	close(todo)
	g, ctx := errgroup.WithContext(ctx)
	work := func(tx *session.Tx) error {
		r := n.reader(n.fold.whole, n.fold.comparesTimes())
		for part := range todo {
			if d.why() != nil {
				break
			}
			if err := d.part(ctx, tx, r, part); err != nil {
				return err
			}
		}
		return nil
	}
	others, err := n.others(ctx, min(streams, len(ranges))-1)
	if err != nil {
		return err
	}
	for _, tx := range others {
		defer tx.Close()
		g.Go(func() error { return d.kept(work(tx)) })
	}
	g.Go(func() error { return d.kept(n.attempt(ctx, func() error { return work(n.tx) })) }) // after the snapshot was shared
	return cmp.Or(g.Wait(), d.why())
}

// part folds a range. If its events do not come by position as assumed, it reads them once more, sorted.
func (f *folding) part(ctx context.Context, tx *session.Tx, r *eventReader, part keyRange) error {
	if err := tx.Set(ctx, scanSettings(!part.open)); err != nil {
		return err
	}
	r.positioned = part.open || !f.fold.whole.assumed || f.disorder.Load()
	err := f.run(ctx, tx, r, []string{r.query(part.condition)})
	if !errors.Is(err, errDisorder) {
		return err
	}
	f.disorder.Store(true)
	r.positioned = true
	return f.run(ctx, tx, r, []string{r.query(part.condition)})
}

// others returns further transactions with the same snapshot. There may be fewer than wanted if the server has no
// connection left; then the fold takes longer.
func (n *folded) others(ctx context.Context, want int) (out []*session.Tx, err error) {
	if want <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for range want {
		tx, err := n.side.pool.Share(ctx, digestTimeout, n.tx)
		if err != nil {
			return out, nil //nolint:nilerr // without it
		}
		if err := tx.Set(ctx, foldSettings); err != nil {
			tx.Close()
			return out, nil //nolint:nilerr // without it
		}
		out = append(out, tx)
	}
	return out, nil
}

// ranges divide the events by their keys, NULL included. Each has about as many events.
func (n *folded) ranges(ctx context.Context, l verify.Layout, each int64) ([]keyRange, error) {
	by := n.fold.whole
	foreign := by.collation != "" // an index in it does not serve the condition for the prefix
	everything := []keyRange{{"true", n.within.Whole()}}
	if !by.indexed {
		return everything, nil
	}
	// Do not use the planner's number of orders: if the events of a key are in neighbouring rows, ANALYZE counts far
	// too few.
	events, err := n.planned(ctx, "SELECT 1 FROM "+n.side.from()+" WHERE "+n.inRange())
	if err != nil {
		return nil, err
	}
	count := min(events/each, maxRanges)
	if count < foldStreams {
		return everything, nil
	}
	count += count % foldStreams // so that no stream has one more than the others
	cuts, err := n.cuts(ctx, l, count)
	if err != nil || len(cuts) == 0 {
		return everything, err
	}
	out := []keyRange{{by.key + " IS NULL", false}}
	for i := range len(cuts) + 1 {
		condition := by.key + " IS NOT NULL"
		if i > 0 {
			condition += " AND " + by.key + " >= " + cuts[i-1]
		}
		if i < len(cuts) {
			condition += " AND " + by.key + " < " + cuts[i]
		}
		out = append(out, keyRange{condition, foreign && (i == 0 || i == len(cuts))})
	}
	return out, nil
}

// cuts are SQL, and ascend in the order in which all events are read. They divide the keys into about as many parts.
func (n *folded) cuts(ctx context.Context, l verify.Layout, parts int64) ([]string, error) {
	keyType := n.side.shape.keyType
	var e verify.Extent
	if keyType == order.KeyInteger {
		var err error
		if e, err = n.Extent(ctx); err != nil || e.Empty {
			return nil, err
		}
	}
	keys, err := cutKeys(keyType, e, n.within, l, parts)
	if err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return !n.within.Has(keyType, order.Key(key)) })
	by, suffix := n.fold.whole, "::"+keyCast(keyType)
	if by.stored {
		suffix = ""
		if keys, err = n.storedCuts(ctx, keys); err != nil {
			return nil, err
		}
	}
	for i, k := range keys {
		keys[i] = literal(k) + suffix
	}
	return keys, nil
}

// storedCuts are the keys as they are stored, in the order of their collation.
func (n *folded) storedCuts(ctx context.Context, keys []string) ([]string, error) {
	by, prefix := n.fold.whole, n.fold.events.config.Strip
	for i, k := range keys {
		keys[i] = prefix + k
	}
	slices.Sort(keys)
	if by.collation == "" {
		return keys, nil
	}
	// The first and the last part, where the index may have other streams, should have no order.
	keys = append(keys, prefix+"0", prefix+"g")
	rows, err := n.tx.Query(ctx, "SELECT DISTINCT c COLLATE "+by.collation+" FROM unnest($1::text[]) AS c ORDER BY 1", keys)
	if err != nil {
		return nil, fmt.Errorf("sorting cuts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// cutKeys ascend by value, and divide the keys into parts of equal width. If keys are numbered or random, these hold about as
// many orders. Otherwise the fold takes longer. Texts are divided as the buckets are.
func cutKeys(t order.KeyType, e verify.Extent, within verify.KeyRange, l verify.Layout, parts int64) (out []string, err error) {
	switch t {
	case order.KeyUUID:
		from, width := int64(0), int64(1)<<32
		if bits, err := strconv.ParseUint(firstBits(within.From), 16, 32); err == nil {
			from, width = int64(bits), width-int64(bits)
		}
		if bits, err := strconv.ParseUint(firstBits(within.Below), 16, 32); err == nil {
			width = int64(bits) - from
		}
		for i := int64(1); i < parts && width > parts; i++ {
			out = append(out, fmt.Sprintf("%08x-0000-0000-0000-000000000000", from+i*width/parts))
		}
		return out, nil
	case order.KeyText:
		bounds := int64(len(l.Bounds))
		for i := int64(1); i < parts && bounds > 0; i++ {
			out = append(out, string(l.Bounds[i*bounds/parts]))
		}
		return slices.Compact(out), nil
	case order.KeyInteger:
	}
	low, err := strconv.ParseInt(string(cmp.Or(within.From, e.Min)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the smallest key: %w", err)
	}
	high, err := strconv.ParseInt(string(cmp.Or(within.Below, e.Max)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the largest key: %w", err)
	}
	width := (uint64(high) - uint64(low)) / uint64(parts)
	for i := int64(1); i < parts && width > 0 && low < high; i++ {
		out = append(out, strconv.FormatInt(int64(uint64(low)+uint64(i)*width), 10))
	}
	return out, nil
}

// firstBits are the first 32 bits of a uuid, in hexadecimal.
func firstBits(key order.Key) string { return string(key[:min(len(key), 8)]) }

// Extent is that of the keys. Of keys that are read as they are stored, no index knows the smallest and the largest; only for
// integers do they matter.
func (n *folded) Extent(ctx context.Context) (verify.Extent, error) {
	if n.extent != nil {
		return *n.extent, nil
	}
	if !n.fold.whole.stored {
		return n.snapshot.Extent(ctx)
	}
	defer n.side.observe("extent")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	e := verify.Extent{Indexed: n.side.shape.keyIndex, Empty: true}
	query := "SELECT min(k)::text, max(k)::text FROM (SELECT (%s) AS k FROM %s OFFSET 0) AS s"
	if n.side.shape.keyType != order.KeyInteger {
		query = "SELECT k::text, k::text FROM (SELECT (%s) AS k FROM %s) AS s WHERE k IS NOT NULL LIMIT 1"
	}
	var low, high *string
	err := n.tx.QueryRow(ctx, fmt.Sprintf(query, n.side.config.Key, n.side.keys())).Scan(&low, &high)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return e, n.fail("reading the key bounds", err)
	}
	if low != nil {
		e.Empty, e.Min, e.Max = false, order.Key(*low), order.Key(*high)
		if e.Rows, err = n.estimate(ctx); err != nil {
			return e, err
		}
	}
	n.extent = &e
	return e, nil
}
