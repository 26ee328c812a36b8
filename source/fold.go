package source

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// FoldConfig says which parts of the folded events are compared.
type FoldConfig struct {
	Events EventsConfig
	// Fields are the compared fields that events judge. If there are none, only the existence of orders is compared.
	Fields []order.Field
	// GroupBy is the field by whose values orders are counted; empty for none.
	GroupBy string
	// Uncreated is true if orders that have events, but no creation, have rows too. These are flawed.
	Uncreated bool
}

// Fold is the whole event store as orders: the side "events" of a comparison.
//
// # How it works
//
// The server sends events in the order of key and position, as binary COPY, which costs it least. They are folded here,
// and rows are digested here, with the hash functions of the other side's server. A digest of everything reads two
// ranges of keys at the same time, in one snapshot. A key with a prefix is sorted as it is stored, and stripped here.
// order.Replay folds every order with the results of order.Fold, and uses order.Fold itself for everything that is not
// plain. Memory does not grow with the store.
//
// With an index on key and position, the store need not be sorted, and a range of keys costs only what the range holds.
type Fold struct {
	*Side // its pool, its keys, and what its server says of them

	events      *Events
	fields      []order.Field
	groupBy     int        // index of the grouping field; -1 for none
	unique      bool       // no order has two events at one position
	whole       eventOrder // in which everything is read
	byKey       eventOrder // in which buckets are read
	prefix      string     // of stored keys, in the encoding of the database
	rangeEvents int64      // about how many events one statement reads
	at          string     // SQL of an event's time, in microseconds since 2000 as it is sent
	// uncreated is true if an order without a creation has a row.
	uncreated bool
}

var _ verify.Side = (*Fold)(nil)

// OpenFold connects and resolves the columns. Errors are those of [OpenEvents].
func OpenFold(ctx context.Context, c FoldConfig) (*Fold, error) {
	events, err := OpenEvents(ctx, c.Events)
	if err != nil {
		return nil, err
	}
	f := &Fold{
		events: events, fields: c.Fields, uncreated: c.Uncreated, rangeEvents: rangeEvents,
		groupBy: slices.IndexFunc(c.Fields, func(f order.Field) bool { return f.Name == c.GroupBy }),
	}
	if err := f.open(ctx, c); err != nil {
		events.Close()
		return nil, fmt.Errorf("resolving the fold of events %s: %w", c.Events.Table, err)
	}
	return f, nil
}

func (f *Fold) open(ctx context.Context, c FoldConfig) error {
	var err error
	if f.unique, err = f.events.unique(ctx); err != nil {
		return err
	}
	f.unique = f.unique && !c.Events.PerOrder // positions tell what was lost
	f.Side = &Side{
		config:   Config{Representation: order.Events, Role: order.Follower, DSN: c.Events.DSN, Table: c.Events.Table, Key: f.events.orderKey(c.Events), Where: c.Events.where(), ObserveQuery: c.Events.ObserveQuery},
		pool:     f.events.side.pool,
		keysFrom: f.events.within(), // a key occurs once for each event
	}
	f.shape, err = f.resolve(ctx)
	f.shape.relation = "" // its rows are not orders, so none can be drawn by its address
	if err != nil {
		return err
	}
	f.at = f.events.config.At
	plain := "(" + c.Events.At + ")"
	if strings.EqualFold(c.Events.Zone, "UTC") && f.at == plain+" AT TIME ZONE"+literal(c.Events.Zone) {
		f.at = plain // a time without a zone is sent as the same number
	}
	return f.arrange(ctx)
}

// unique returns true if an index proves that no order has two events at one position.
func (e *Events) unique(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	position, err := e.side.typeOf(ctx, e.config.Position)
	if err != nil {
		return false, err
	}
	key, err := e.side.typeOf(ctx, cmp.Or(e.stored, e.side.lookup))
	// A column of a subquery may come from a table whose rows the subquery repeats.
	if err != nil || position.table == 0 || position.table != e.side.shape.oid {
		return false, err
	}
	const q = `SELECT EXISTS (SELECT FROM pg_catalog.pg_index i, LATERAL (
			SELECT array_agg(a) AS columns FROM unnest(i.indkey[0 : i.indnkeyatts - 1]) AS a) AS c
		WHERE i.indrelid = $1 AND (SELECT attnotnull FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum = $2::int) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
		AND $2::int = ANY(c.columns) AND c.columns <@ ARRAY[$2::int, $3::int]::smallint[])`
	second := position.column
	if key.table == position.table {
		second = key.column
	}
	var unique bool
	err = e.side.pool.QueryRow(ctx, q, position.table, int32(position.column), int32(second)).Scan(&unique)
	if err != nil {
		return false, fmt.Errorf("looking for an index on the position: %w", err)
	}
	return unique, nil
}

// folded is a snapshot whose orders are computed in Go.
type folded struct {
	*snapshot

	fold   *Fold
	extent *verify.Extent // once it is known
}

var _ verify.Snapshot = (*folded)(nil)

// Begin fixes a snapshot of the event store.
func (f *Fold) Begin(ctx context.Context) (verify.Snapshot, error) {
	n, err := f.begin(ctx, f.reader(f.byKey, true).query("true")+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	return &folded{snapshot: n, fold: f}, nil
}

// Traits says nothing of signs: no constraint guards what events say.
func (n *folded) Traits(context.Context) (verify.Traits, error) {
	return verify.Traits{WholeTimes: true}, nil
}

// Probe digests the table of known values here, because this side's rows are digested here too.
func (f *Fold) Probe(_ context.Context, h verify.Hash) ([]int64, error) {
	hash := newRowHash(order.KeyInteger, probeTypes(), h)
	var out []int64
	for _, row := range probeCells() {
		out = append(out, hash.row(cellKey{n: row.key}, row.cells))
	}
	return out, nil
}

func probeTypes() []order.Field {
	var out []order.Field
	for _, f := range probeFields {
		out = append(out, f.Field)
	}
	return out
}

// Rows reads histories and folds them event by event with order.Fold. An order that its events do not create has no
// row, unless they are flawed.
func (n *folded) Rows(ctx context.Context, keys []order.Key) ([]order.Row, error) {
	defer n.side.observe("rows")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var histories map[order.Key][]order.Event
	err := n.tolerantly(ctx, keys, func() error {
		return n.attempt(ctx, func() (err error) {
			histories, err = n.fold.events.histories(ctx, n.tx, keys)
			return err
		})
	})
	if err != nil {
		return nil, n.fail("reading orders", err)
	}
	rows := make([]order.Row, 0, len(histories))
	for key, events := range histories {
		if state, _ := order.Fold(events); state.Exists() || state.Flawed() || n.fold.uncreated {
			rows = append(rows, n.fold.row(key, &state))
		}
	}
	return rows, nil
}

// row returns an order from its state.
func (f *Fold) row(key order.Key, state *order.State) order.Row {
	row := order.Row{Key: key, ChangedAt: state.UpdatedAt(), Flawed: state.Flawed() || !state.Exists(), Values: make([]order.Value, len(f.fields))}
	for i, field := range f.fields {
		row.Values[i], _ = state.Value(field.Name)
	}
	return row
}
