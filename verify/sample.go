package verify

import (
	"context"
	"slices"
	"strconv"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// SampleFacts are what a sample knows.
type SampleFacts struct {
	Rows              // of each side, estimated by the planner; 0 if not even that is known
	Sampled int64     `json:"sampled"` // orders drawn uniformly, of those compared
	Strata  []Stratum `json:"strata"`  // what was compared by status and age; nil if the sample broke off
	Changes Changes   `json:"changes,omitzero"`
	// Archived is how many orders were compared without their events, which the configuration says to be archived.
	Archived int64 `json:"archived,omitempty"`
	// Positions and Restarts are as those of [FullFacts].
	Positions Positions `json:"positions,omitzero"`
	Restarts  int       `json:"restarts,omitempty"`
	// Refused says why no uniform sample could be drawn, or only a small one; empty if nothing was in the way.
	Refused string `json:"refused,omitempty"`
	// Widespread is what most orders have; nil if there is nothing.
	Widespread []Widespread `json:"widespread,omitempty"`
	// Fewer is true if it drew fewer orders than the configuration says, although there are more.
	Fewer bool `json:"fewer,omitempty"`
}

// Settled completes the strata.
func (f SampleFacts) Settled(s Settled) Facts {
	f.Strata = s.strata(f.Strata)
	return f
}

// recent is the share of a sample's size that is added for the orders changed last.
const recent = 10 // one in ten

// sample draws orders uniformly from the key space of both sides, and adds groups that a uniform draw rarely holds: the
// orders changed last, and those with an open divergence. Only the uniform part counts for a bound.
func (p *pass) sample(ctx context.Context, scan *Scan, size int, fewer bool) error {
	facts := SampleFacts{Restarts: p.restarts}
	defer func() { scan.Facts = facts }()
	var err error
	if facts.Positions, err = p.locate(ctx); err != nil {
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
	p.strata = strataCount{}
	d := draw{p: p, sides: s, size: size, known: map[order.Key]bool{}, recorded: map[order.Key]bool{}}
	if d.legacy, d.projection, err = both(s, func(n Snapshot) (Draws, error) { return n.Draws(ctx) }); err != nil {
		return err
	}
	if facts.Refused = refusal(p.c.Legacy.KeyType(), d.legacy, d.projection); facts.Refused == "" {
		legacy, projection, err := both(s, func(n Snapshot) (Extent, error) { return n.Extent(ctx) })
		if err != nil {
			return err
		}
		facts.Rows = Rows{legacy.Rows, projection.Rows}
		d.orders = facts.Larger()
		if legacy.Empty && projection.Empty {
			scan.Reason = "both sides are empty"
			return nil
		}
		if facts.Refused, err = d.uniform(ctx, legacy, projection); err != nil {
			return err
		}
	}
	facts.Sampled, scan.Coverage = d.compared, 1
	facts.Fewer = fewer && d.compared >= int64(size)
	if facts.Sampled == 0 && d.widespread == nil {
		scan.Reason, scan.Coverage = "no uniform sample can be drawn: "+facts.Refused, 0
	}
	if err := d.beside(ctx); err != nil {
		return err
	}
	if err := p.changesAgain(ctx, s.legacy, d.recorded, &d.changes); err != nil {
		return err
	}
	scan.Compared, facts.Strata, facts.Changes, facts.Archived = d.compared, p.strata.list(), d.changes, d.archived
	if facts.Widespread = d.widespread; d.widespread != nil {
		rest, about := max(min(int64(size), d.orders)-facts.Sampled, 1), ""
		if d.orders < int64(size) {
			about = "about " // d.orders is an estimate
		}
		scan.Coverage = float64(facts.Sampled) / float64(facts.Sampled+rest)
		scan.Reason = stoppedAt(d.widespread, about, rest)
	}
	return nil
}

// draw collects a sample. An order counts once, in the first group that has it.
type draw struct {
	p        *pass
	sides    snapshots
	size     int
	orders   int64              // of the larger side, estimated
	known    map[order.Key]bool // keys that were compared, in any stratum
	compared int64
	changes  Changes            // of the orders drawn uniformly
	recorded map[order.Key]bool // orders whose changes were counted
	archived int64              // orders without events, which the configuration says to be archived
	surveyed bool               // the first orders, if there were enough
	// widespread is why the draw has stopped before its size.
	widespread []Widespread
	// only takes the drawn keys, which are not compared then; nil if they are.
	only func([]order.Key)

	legacy, projection Draws
}

// ended returns true if no more orders are to be drawn.
func (d *draw) ended() bool { return d.compared >= int64(d.size) || d.widespread != nil }

// uniform draws by key if keys are integers, which is cheap and needs nothing of the relation. It draws by address if
// they are not integers, or too sparse. It returns why there are too few orders; empty if there are enough.
func (d *draw) uniform(ctx context.Context, legacy, projection Extent) (refused string, err error) {
	if d.p.c.Legacy.KeyType() == order.KeyInteger {
		span, err := span(legacy, projection)
		if err != nil {
			return "", err
		}
		dense, err := d.byKey(ctx, smallest(legacy, projection), span, max(legacy.Rows, projection.Rows))
		if dense || err != nil {
			return "", err
		}
		if why := unaddressed(d.legacy, d.projection); why != "" {
			return tooSparse + why, nil
		}
	}
	enough, err := d.byAddress(ctx)
	if err == nil && !enough {
		return "nearly all addresses at which rows may be are empty; VACUUM FULL would remove empty pages", nil
	}
	return "", err
}

const (
	// sparseDraw is how many possible keys there may be for one order before drawing keys misses too often, and
	// sparserDraw is so if rows cannot be drawn by address instead.
	sparseDraw, sparserDraw = 50, 1000
	// probed is the least number of keys that are tried to find out.
	probed = 2000
	// maxTried limits the keys tried for a sample, whatever the table holds.
	maxTried = 1_000_000
	// maxRead is how many keys are read at once, if rows are not wide.
	maxRead = 20_000
)

// byKey draws keys uniformly from the range of both sides and keeps those that either side has. Each order has the same
// chance, including phantoms and missing ones, and gaps between keys do not matter (rejection sampling). The keys tried
// so far say how many more are needed; the estimated rows only give the first number. It returns false if there are too
// few orders between the keys.
func (d *draw) byKey(ctx context.Context, first int64, span uint64, rows int64) (dense bool, err error) {
	tried, sparse := map[uint64]bool{}, int64(sparseDraw)
	if unaddressed(d.legacy, d.projection) != "" {
		sparse = sparserDraw
	}
	begin := 1.02*float64(d.size)*(float64(span)+1)/float64(rows) + 16
	if begin > float64(sparse)*float64(d.size) { // too sparse, if the estimate is right
		begin = probed
	}
	for want := int(min(max(begin, probed), maxRead)); ; want = d.stillToTry(len(tried)) {
		keys := make([]order.Key, 0, want)
		for len(keys) < want && uint64(len(tried)) <= span {
			offset := offset(d.p.c.Random, span)
			if !tried[offset] {
				tried[offset] = true
				keys = append(keys, order.Key(strconv.FormatInt(first+int64(offset), 10)))
			}
		}
		if err := d.read(ctx, keys, true, always); err != nil {
			return false, err
		}
		switch {
		case d.ended() || uint64(len(tried)) > span:
			return true, nil
		case len(tried) >= probed && int64(len(tried)) > sparse*max(d.compared, 1), len(tried) >= maxTried:
			return false, nil
		}
	}
}

// stillToTry estimates how many keys must be tried to find the missing orders.
func (d *draw) stillToTry(tried int) int {
	missing := float64(int64(d.size) - d.compared)
	return min(int(1.02*missing*float64(tried)/float64(max(d.compared, 1)))+16, maxRead)
}

// offset is uniform in 0..span, for any span.
func offset(rng Random, span uint64) uint64 {
	if span < 1<<62 {
		return uint64(rng.Int64N(int64(span) + 1))
	}
	for {
		if x := rng.Uint64(); x <= span {
			return x
		}
	}
}

func smallest(extents ...Extent) int64 {
	var keys []int64
	for _, e := range nonEmpty(extents...) {
		k, _ := strconv.ParseInt(string(e.Min), 10, 64) // parsed before, for the span
		keys = append(keys, k)
	}
	return slices.Min(keys)
}

// byAddress draws rows of both sides by their address. A row of the projection counts only if legacy does not have the
// order, so that each order has one chance, on one side.
func (d *draw) byAddress(ctx context.Context) (enough bool, err error) {
	before := d.compared
	return drawRows(ctx, d.p.c.Random, int64(d.size)-before, func(found [][]order.Key) (int64, error) {
		inLegacy := map[order.Key]bool{}
		for _, k := range found[0] {
			inLegacy[k] = true
		}
		err := d.read(ctx, shuffled(d.p.c.Random, slices.Concat(found...)), true, func(k order.Key, r reading) bool {
			return inLegacy[k] || len(r.legacy[k]) == 0
		})
		if d.widespread != nil {
			return int64(d.size), err
		}
		return d.compared - before, err
	}, addressed{d.sides.legacy, d.legacy}, addressed{d.sides.projection, d.projection})
}

// read reads keys on both sides and compares those that exist and are wanted. A uniform sample ends at its size. That
// favours no order, because keys come in the order in which they were drawn.
func (d *draw) read(ctx context.Context, keys []order.Key, uniform bool, wanted func(order.Key, reading) bool) error {
	for len(keys) > 0 {
		part := keys[:min(d.p.batchSize(maxRead), len(keys))]
		keys = keys[len(part):]
		r, err := d.p.readRows(ctx, d.sides, part)
		if err != nil {
			return err
		}
		there := d.fresh(part, func(k order.Key) bool { return len(r.legacy[k])+len(r.projection[k]) > 0 && wanted(k, r) })
		if uniform {
			there = there[:min(len(there), d.size-int(d.compared))]
		}
		if err := d.compareAll(ctx, there, r, uniform); err != nil {
			return err
		}
		if uniform && d.ended() {
			return nil
		}
	}
	return nil
}

func always(order.Key, reading) bool { return true }

// fresh returns the keys that are wanted and were not compared before, each once, in order.
func (d *draw) fresh(keys []order.Key, wanted func(order.Key) bool) []order.Key {
	out := make([]order.Key, 0, len(keys))
	twice := map[order.Key]bool{}
	for _, k := range keys {
		if wanted(k) && !d.known[k] && !twice[k] {
			twice[k] = true
			out = append(out, k)
		}
	}
	return out
}

// compareAll compares orders whose rows were read in all representations.
func (d *draw) compareAll(ctx context.Context, keys []order.Key, r reading, inSample bool) (err error) {
	if d.only != nil {
		d.take(keys)
		return nil
	}
	if inSample {
		there := slices.DeleteFunc(slices.Clone(keys), func(k order.Key) bool { return len(r.legacy[k]) == 0 })
		if r.records, err = d.p.readRecords(ctx, there); err != nil {
			return err
		}
	}
	if err := d.p.readEvents(ctx, d.sides, keys, &r); err != nil {
		return err
	}
	d.changes.add(d.p.countChanges(r.records, r))
	for key := range r.records {
		d.recorded[key] = true
	}
	looks := d.p.judge(keys, r)
	for _, key := range keys {
		if d.p.c.Events != nil && len(r.events[key]) == 0 && compare.Archived(r.legacy[key]) {
			d.archived++
		}
	}
	if inSample {
		if looks, err = d.survey(ctx, looks, r); err != nil {
			return err
		}
	}
	for _, is := range looks {
		d.known[is.Key] = true
		d.compared++
		d.p.countStratum(is.Key, r.legacy, r.projection)
		if len(is.Mismatches) == 0 {
			continue
		}
		if err := d.p.suspect(ctx, is, r.legacy[is.Key], r.projection[is.Key], inSample); err != nil {
			return err
		}
	}
	return nil
}

func (d *draw) take(keys []order.Key) {
	for _, k := range keys {
		d.known[k] = true
		d.compared++
	}
	d.only(keys)
}

// beside adds the orders that changed last and those with an open divergence. Where orders cannot be read by key, they
// would cost scans, and are left to full verification.
func (d *draw) beside(ctx context.Context) error {
	if d.legacy.NoLookup != "" || d.projection.NoLookup != "" {
		return nil
	}
	if err := d.changed(ctx); err != nil {
		return err
	}
	revisited, err := d.p.revisit(ctx, d.sides, func(k order.Key) bool { return d.known[k] })
	d.compared += revisited
	return err
}

// changed adds the orders that either side changed last. Without an index on the time of a change there is no such
// group, because it would cost a scan.
func (d *draw) changed(ctx context.Context) error {
	if d.widespread != nil {
		return nil
	}
	limit := max(d.size/recent, 1)
	legacy, projection, err := both(d.sides, func(n Snapshot) ([]Change, error) { return recentChanges(ctx, n, limit) })
	if err != nil {
		return err
	}
	var keys []order.Key
	for _, c := range append(legacy, projection...) {
		keys = append(keys, c.Key)
	}
	return d.read(ctx, distinct(keys), false, always)
}
