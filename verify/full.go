package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

var (
	// ErrDigestBlind is returned if a bucket with equal digests holds orders that differ. Then no digest can be
	// trusted.
	ErrDigestBlind = errors.New("orders differ although their digests are equal")
	// ErrKeyTypes is returned when the two sides' keys are of different types.
	ErrKeyTypes = errors.New("the keys of the two sides have different types")
	// ErrNoHash is returned if the two servers do not even agree on MD5 of the same values.
	ErrNoHash = errors.New("the two servers digest the same known values differently")
)

// FullFacts are what a full verification knows.
type FullFacts struct {
	Rows // of each side at its snapshot
	// Plan is how legacy and projection were compared.
	Plan    Plan         `json:"plan,omitempty"`
	Counts  []GroupCount `json:"counts"`           // rows per status at the snapshot; nil if not counted
	Strata  []Stratum    `json:"strata"`           // legacy's rows by status and age; nil if ages are not known
	Events  *EventsFacts `json:"events,omitempty"` // nil if legacy was not compared with the events
	Changes Changes      `json:"changes,omitzero"`
	// Portable is true if the servers' own hash functions could not be used, which takes several times as long.
	Portable bool `json:"portable_digests,omitempty"`
	// DigestVersion is the version of the digests that were compared.
	DigestVersion int `json:"digest_version,omitempty"`
	// Positions are where the two servers were just before the snapshots.
	Positions Positions `json:"positions,omitzero"`
	// Restarts is how often the scan began again because a standby had cancelled its reads.
	Restarts int `json:"restarts,omitempty"`
	// Unsampled says why no uniform sample of the two sides can be drawn; empty if one can.
	Unsampled string `json:"unsampled,omitempty"`
	// Widespread is what most orders have; nil if there is nothing.
	Widespread []Widespread `json:"widespread,omitempty"`
	// Ranges is how many ranges of keys the pass was cut into; 0 if it was not.
	Ranges int64 `json:"ranges,omitempty"`
	// Instead says why it was made instead of a delta pass; empty if it was asked for.
	Instead string `json:"instead,omitempty"`
	// Marks are where a delta pass goes on, if this pass is clean; nil if it ended too early.
	Marks *Marks `json:"marks,omitempty"`
}

// EventsFacts are the result of a comparison of all of legacy with the events. They also exist if there were no events.
type EventsFacts struct {
	Plan   Plan  `json:"plan,omitempty"` // how legacy was compared with the events
	Orders int64 `json:"orders"`         // orders that the events give, at the events' snapshot
	// Archived is how many orders of legacy were not compared: they have no events, and the configuration says that these
	// were archived.
	Archived int64        `json:"archived,omitempty"`
	Found    *EventsFound `json:"found,omitempty"` // nil until the pass has ended
}

// EventsFound is the number of faults that a pass found between legacy and the events. The ledger counts them when the
// pass ends.
type EventsFound struct {
	Without int64 `json:"without"` // orders of legacy without their events
	Flawed  int64 `json:"flawed"`  // orders with an event that cannot be read or applied
	Gaps    int64 `json:"gaps"`    // orders with a hole in their history
}

// Settled completes the counts and the strata.
func (f FullFacts) Settled(s Settled) Facts {
	f.Counts, f.Strata = s.counts(f.Counts), s.strata(f.Strata)
	return f
}

// walk is a digest walk over two sides.
type walk struct {
	p       *pass
	sides   snapshots
	scan    *Scan
	facts   *FullFacts // its rows and counts are those of the walk
	keyType order.KeyType
	hash    Hash
	layout  Layout
	// first and last are the ends of the buckets of integer keys.
	first, last int64
	indexed     bool
	unseen      map[order.Key]bool // orders that were drawn and differ, and that the drill-down has not read yet
	hop         order.Hop          // between the two sides
	fields      []order.Field      // that are compared
	differ      differFunc
	differs     int64 // orders that do
	covers      Covered
	// The walk may be one of many over ranges of a table of about so many rows. Then it knows of which combinations of
	// symptoms examples were recorded, and may be told to read everything that differs.
	within   KeyRange
	table    int64
	examples map[string]int
	noSurvey bool
	// archived is true if legacy leaves out orders whose events may be there.
	archived bool
	// folds is true if the other side is folded from events.
	folds bool
}

// differFunc is called for every current key, and reports whether its rows disagree.
type differFunc func(ctx context.Context, key order.Key, legacy, other []order.Row) (bool, error)

// full digests both sides at once, bucket by bucket, and reads by value what differs.
//
// # Why nothing can be missed
//
// A bucket is a function of the key alone, so the buckets divide the key space of both sides, whatever keys appear. The
// rows counted in them are the rows of the snapshot. A bucket counts as equal only if every group in it has the same
// number of rows and the same exact sum of row digests. A sample of equal buckets is also read by value.
func (p *pass) full(ctx context.Context, scan *Scan) error {
	if p.c.MaxSnapshot > 0 {
		return p.inRanges(ctx, scan)
	}
	facts := &FullFacts{Instead: p.instead, DigestVersion: DigestVersion, Restarts: p.restarts}
	defer func() { scan.Facts = *facts }()
	w := p.sidesWalk(scan, facts)
	began := p.c.Now()
	var err error
	if facts.Positions, err = p.locate(ctx); err != nil {
		return err
	}
	estimate, err := w.open(ctx, p.c.Legacy, p.c.Projection)
	if err != nil {
		return err
	}
	defer w.sides.close()
	if estimate == 0 {
		scan.Reason = "both sides are empty"
		return p.mark(ctx, w.sides)
	}
	if facts.Marks, err = p.marks(ctx, began, w.sides); err != nil {
		return err
	}
	if facts.Unsampled, err = Unsampled(ctx, w.keyType, w.sides.legacy, w.sides.projection); err != nil {
		return err
	}
	if err := p.compareSides(ctx, w, estimate); err != nil {
		return err
	}
	events, err := p.compareFolded(ctx, w, facts)
	if err != nil {
		scan.Coverage = 0.5 // one of the two comparisons was made
		return fmt.Errorf("comparing legacy with the events: %w", err)
	}
	scan.covered(w.covers, events)
	if err := p.someChanges(ctx, w.sides.legacy, facts); err != nil {
		return err
	}
	_, err = p.revisit(ctx, w.sides, func(order.Key) bool { return true })
	return err
}

// sidesWalk walks over legacy and projection.
func (p *pass) sidesWalk(scan *Scan, facts *FullFacts) *walk {
	w := &walk{p: p, scan: scan, facts: facts, hop: order.LegacyToProjection, fields: p.c.Fields}
	w.differ = func(ctx context.Context, key order.Key, legacy, projection []order.Row) (bool, error) {
		before := p.suspects
		err := p.compareRows(ctx, key, legacy, projection, false)
		return p.suspects != before, err
	}
	return w
}

// compareSides compares legacy and projection in the walk's snapshots.
func (p *pass) compareSides(ctx context.Context, w *walk, estimate int64) error {
	if err := p.mark(ctx, w.sides); err != nil {
		return err
	}
	if err := w.compareAll(ctx, estimate); err != nil {
		return err
	}
	return p.byAge(ctx, w.sides.legacy, w.facts)
}

// open begins both snapshots, proves that the two digest alike, and cuts the key space. It returns an estimate of the
// rows of both sides; 0 if both are empty. The caller closes the snapshots unless there was an error.
func (w *walk) open(ctx context.Context, legacy, other Side) (estimate int64, err error) {
	w.keyType = legacy.KeyType()
	if w.keyType != other.KeyType() {
		return 0, fmt.Errorf("%w: %s and %s", ErrKeyTypes, w.keyType, other.KeyType())
	}
	if w.sides, err = beginBoth(ctx, legacy, other); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			w.sides.close()
		}
	}()
	if w.hash, err = w.p.agreedHash(ctx, legacy, other, w.sides); err != nil {
		return 0, err
	}
	w.facts.Portable = w.hash.Portable
	l, o, err := both(w.sides, func(n Snapshot) (Extent, error) { return n.Extent(ctx) })
	if err != nil || l.Empty && o.Empty {
		return 0, err
	}
	w.indexed = l.Indexed && o.Indexed
	if !w.layout.ByBounds { // of an earlier walk
		w.layout, err = layout(ctx, w.keyType, w.hash, w.sides, l, o)
	}
	if err == nil {
		err = w.bucketsOf(l, o)
	}
	return l.Rows + o.Rows, err
}

// agreedHash proves on known values that both servers digest alike, with a seed of this pass. What is left out of the
// digest is what both sides need not. If a server lacks the native functions, or the two disagree, the portable ones are
// used.
func (p *pass) agreedHash(ctx context.Context, legacy, other Side, s snapshots) (Hash, error) {
	l, o, err := both(s, func(n Snapshot) (Traits, error) { return n.Traits(ctx) })
	if err != nil {
		return Hash{}, err
	}
	seed := int64(p.c.Random.Uint64())
	native := []Hash{{Seed: seed}}
	if l.WholeTimes && o.WholeTimes {
		native = []Hash{{Seed: seed, WholeTimes: true}, {Seed: seed}}
	}
	for _, h := range native {
		if agree, err := digestAlike(ctx, legacy, other, h); agree && err == nil {
			h.Unsigned = slices.DeleteFunc(slices.Clone(l.Unsigned), func(name string) bool { return !slices.Contains(o.Unsigned, name) })
			return h, nil
		}
	}
	h := Hash{Seed: seed, Portable: true}
	agree, err := digestAlike(ctx, legacy, other, h)
	switch {
	case err != nil:
		return h, err
	case !agree:
		return h, ErrNoHash
	}
	return h, nil
}

func digestAlike(ctx context.Context, legacy, other Side, h Hash) (bool, error) {
	l, err := legacy.Probe(ctx, h)
	if err != nil {
		return false, err
	}
	o, err := other.Probe(ctx, h)
	return slices.Equal(l, o), err
}

func (w *walk) compareAll(ctx context.Context, estimate int64) error {
	proven, other, err := w.byNumber(ctx, estimate)
	if err != nil || proven {
		return err
	}
	differing, same, err := w.digest(ctx, DigestQuery{Layout: w.layout, Hash: w.hash}, other, estimate)
	if err != nil {
		return err
	}
	w.count(differing, same)
	if err := w.draw(ctx); err != nil {
		return err
	}
	stopped, err := w.survey(ctx, differing)
	if err == nil && !stopped {
		err = w.drill(ctx, differing)
	}
	if err != nil {
		w.scan.Coverage = float64(w.scan.Compared) / float64(max(w.facts.Larger(), 1))
		return err
	}
	w.covered(differing.nullKeys + same.nullKeys)
	if stopped {
		w.unseen = nil
	}
	return w.confirm(ctx, same)
}

// covered notes what was compared, and what was not.
func (w *walk) covered(nullKeys int64) {
	w.covers = Covered{Compared: w.scan.Compared, NullKeys: nullKeys, Widespread: w.facts.Widespread}
	if len(w.facts.Widespread) > 0 {
		w.covers.Left = max(w.facts.Larger()-w.scan.Compared, 1)
	}
	w.scan.Coverage, w.scan.Reason = w.covers.share(), w.covers.reason()
}

// digest asks both sides at once for the digests of buckets; only legacy if those of the other are known.
func (w *walk) digest(ctx context.Context, q DigestQuery, other []Digest, estimate int64) (differing, same buckets, err error) {
	var legacy []Digest
	if other == nil {
		legacy, other, err = w.ask(ctx, "digest", q, q, estimate)
	} else {
		legacy, err = w.sides.legacy.Digests(ctx, q, w.reporter("digest", estimate)(0))
	}
	if err != nil {
		return buckets{}, buckets{}, err
	}
	differing, same = split(legacy, other)
	return differing, same, nil
}

// ask asks both sides at once.
func (w *walk) ask(ctx context.Context, stage string, ofLegacy, ofOther DigestQuery, estimate int64) (legacy, other []Digest, err error) {
	report := w.reporter(stage, estimate)
	g, ctx := errgroup.WithContext(ctx) // one side's failure ends the other's work too
	g.Go(func() (err error) { legacy, err = w.sides.legacy.Digests(ctx, ofLegacy, report(0)); return err })
	g.Go(func() (err error) { other, err = w.sides.projection.Digests(ctx, ofOther, report(1)); return err })
	err = g.Wait()
	return legacy, other, err
}

// reporter adds up the progress of both sides.
func (w *walk) reporter(stage string, estimate int64) func(side int) func(int64) {
	var done [2]atomic.Int64
	return func(side int) func(int64) {
		return func(rows int64) {
			done[side].Store(rows)
			if estimate > 0 {
				w.progress(stage, done[0].Load()+done[1].Load(), estimate)
			}
		}
	}
}

// progress names the hop if the pass walks over two.
func (w *walk) progress(stage string, done, total int64) {
	if w.p.c.Folded != nil {
		stage += " " + string(w.hop)
	}
	w.p.progress(stage, done, total)
}

// count fills in the row counts. The compared orders are the distinct keys of both sides. Equal buckets hold the same
// keys on both, and the drill-down adds the keys of the others.
func (w *walk) count(differing, same buckets) {
	groups := map[string]*GroupCount{} // by name, so that groups with the same name are counted as one
	for _, part := range []buckets{differing, same} {
		for _, b := range part.byNumber {
			w.facts.Legacy += b.legacy
			w.facts.Projection += b.projection
		}
		for value, c := range part.groups {
			name := w.p.groupName(value)
			if groups[name] == nil {
				groups[name] = &GroupCount{Group: name}
			}
			groups[name].Legacy += c.legacy
			groups[name].Projection += c.projection
		}
	}
	for _, b := range same.byNumber {
		w.scan.Compared += b.legacy
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		w.facts.Counts = append(w.facts.Counts, *groups[name])
	}
}

// confirmed is how many buckets with equal digests are read by value.
const confirmed = 4

// ranged is true if reading a bucket costs what it holds. Otherwise each is a scan of the table.
func (w *walk) ranged() bool { return w.indexed && !w.layout.ByHash }

// drawn is how many addresses are read by value where buckets are not. About a third of them have an order.
const drawn = 1000

// draw reads some orders by value before the drill-down, if a bucket is no range. See confirm.
func (w *walk) draw(ctx context.Context) error {
	if !w.indexed || w.ranged() {
		return nil
	}
	d, err := w.sides.legacy.Draws(ctx)
	if err != nil || d.Addresses == 0 {
		return err
	}
	addresses := make([]int64, min(drawn, d.Addresses))
	for i := range addresses {
		addresses[i] = w.p.c.Random.Int64N(d.Addresses)
	}
	keys, err := w.sides.legacy.At(ctx, addresses)
	if err != nil {
		return err
	}
	keys = slices.DeleteFunc(distinct(keys), func(key order.Key) bool { return !w.within.Has(w.keyType, key) })
	r, err := w.p.readRows(ctx, w.sides, keys)
	if err != nil {
		return err
	}
	w.unseen = map[order.Key]bool{}
	for key, rows := range r.legacy {
		if compare.Rows(w.fields, key, rows, r.projection[key]) != nil {
			w.unseen[key] = true
		}
	}
	return nil
}

// confirm reads a few buckets that are equal by digest. If their orders differ, no digest can be trusted. The same holds if an
// order that was drawn differs, and is not in a bucket that does.
func (w *walk) confirm(ctx context.Context, same buckets) error {
	if err := w.seen(); err != nil || !w.ranged() {
		return err
	}
	numbers := same.numbers()
	for range min(confirmed, len(numbers)) {
		if _, err := w.confirmBucket(ctx, numbers[w.p.c.Random.Int64N(int64(len(numbers)))], w.differ); err != nil {
			return err
		}
	}
	return nil
}

// seen returns an error if an order that was drawn differs, and was not found.
func (w *walk) seen() error {
	for key := range w.unseen {
		return fmt.Errorf("%w (order %s)", ErrDigestBlind, key)
	}
	return nil
}

func (w *walk) confirmBucket(ctx context.Context, number int64, differ differFunc) (compared int64, err error) {
	layout, part := w.pick(number)
	before := w.differs
	compared, err = w.merge(ctx, layout, part, differ)
	if err == nil && w.differs != before {
		err = fmt.Errorf("%w (bucket %d)", ErrDigestBlind, number)
	}
	return compared, err
}
