package source

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// ErrNothingFolds is returned where no compared field is one that events tell.
var ErrNothingFolds = errors.New("no compared field follows from events")

// FoldConfig says what of the folded events is compared.
type FoldConfig struct {
	Events EventsConfig
	// Fields are the compared fields. Those that the fold does not know take no part; [Fold.Fields] says which do.
	Fields []order.Field
	// GroupBy is the name of the field whose values' counts are kept; empty for none.
	GroupBy string
}

// Fold is the whole event store as orders: the side "events" of a comparison.
//
// # Exact, or left to Go
//
// Digests and Scan fold in SQL, next to the data. That fold equals order.Rules{}.Fold in existence and in all fields,
// for every order about which it can be sure; all others carry [NotFolded] (or a like value, if no text is compared),
// which no row has, so that they differ, are suspects, and are read again by Rows. Rows reads histories and folds them in
// Go, and is exact for every order. A difference therefore counts only as far as Rows confirms it.
//
// SQL is not sure of an order that has an event whose form is flawed, or a number so large, so fine or written so
// oddly that its form takes more to judge; that was created, filled or canceled twice; that has an event before its
// creation; or two events at one position. Events of types that the vocabulary does not know are passed over, as in
// Go. A payload key that the vocabulary does not know has no influence on the fold in either.
//
// An index on the key, or on key and position, spares a sort of the whole store, and makes a range of keys cost what the
// range holds.
type Fold struct {
	*Side

	events *Events
	fields []order.Field
}

var _ verify.Side = (*Fold)(nil)

// OpenFold connects and resolves the columns. Errors are those of [OpenEvents], or wrap ErrNothingFolds. A payload of
// type json costs more than one of jsonb: it is searched for keys that are there twice.
func OpenFold(ctx context.Context, c FoldConfig) (*Fold, error) {
	events, err := OpenEvents(ctx, c.Events)
	if err != nil {
		return nil, err
	}
	f := &Fold{events: events}
	if err := f.open(ctx, c); err != nil {
		events.Close()
		return nil, fmt.Errorf("resolving the fold of events %s: %w", c.Events.Table, err)
	}
	return f, nil
}

func (f *Fold) open(ctx context.Context, c FoldConfig) error {
	payload, err := f.payloadType(ctx)
	if err != nil {
		return err
	}
	sql := foldSQL{events: c.Events, keyType: f.events.keyType, json: payload == pgtype.JSONOID}
	for _, field := range c.Fields {
		if folds(field, sql.keyType) {
			sql.fields = append(sql.fields, field)
		}
	}
	if len(sql.fields) == 0 {
		return ErrNothingFolds
	}
	f.fields = sql.fields
	if sql.unique, err = f.events.unique(ctx); err != nil {
		return err
	}
	config := Config{
		Name: "events", DSN: c.Events.DSN, Table: sql.table(), Key: "order_id", ChangedAt: "updated_at",
		GroupBy: c.GroupBy, ObserveQuery: c.Events.ObserveQuery,
	}
	for _, field := range sql.fields {
		config.Fields = append(config.Fields, Field{Field: field, Expr: field.Name})
	}
	f.Side = &Side{
		config: config, pool: f.events.side.pool,
		keysFrom: fmt.Sprintf("(SELECT (%s) AS order_id FROM %s AS t)", c.Events.Key, c.Events.Table),
	}
	f.shape, err = f.resolve(ctx)
	return err
}

func (f *Fold) payloadType(ctx context.Context) (uint32, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	n, err := f.events.side.typeOf(ctx, f.events.config.Payload)
	return n.oid, err
}

// folds says whether a field follows from events, as the type that it is compared as.
func folds(f order.Field, key order.KeyType) bool {
	switch f.Name {
	case "status", "symbol", "side":
		return f.Type == order.Text
	case "trader_id":
		return f.Type == order.Text || f.Type == order.Integer || f.Type == order.Numeric
	case "quantity", "price", "filled_quantity", "avg_fill_price":
		return f.Type == order.Numeric
	case "created_at", "updated_at":
		return f.Type == order.Timestamptz
	case "order_id":
		return f.Type == order.FieldType(key)
	}
	return false
}

// Fields are the compared fields that take part, in the order of a row's values.
func (f *Fold) Fields() []order.Field { return slices.Clone(f.fields) }

// unique is true where an index proves that no order has two events at one position.
func (e *Events) unique(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	position, err := e.side.typeOf(ctx, e.config.Position)
	if err != nil {
		return false, err
	}
	key, err := e.side.typeOf(ctx, e.config.Key)
	if err != nil || position.table == 0 {
		return false, err
	}
	const q = `SELECT EXISTS (SELECT FROM pg_catalog.pg_index i, LATERAL (
			SELECT array_agg(a) AS columns FROM unnest(i.indkey[0 : i.indnkeyatts - 1]) AS a) AS c
		WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
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

// folded is a snapshot whose orders are read by Go.
type folded struct {
	*snapshot

	fold *Fold
}

var _ verify.Snapshot = folded{}

// Begin fixes a snapshot of the event store.
func (f *Fold) Begin(ctx context.Context) (verify.Snapshot, error) {
	opened, err := f.Side.Begin(ctx)
	if err != nil {
		return nil, err
	}
	n, ok := opened.(*snapshot)
	if !ok {
		opened.Close()
		return nil, fmt.Errorf("opening a snapshot of events: %w", errors.ErrUnsupported)
	}
	return folded{snapshot: n, fold: f}, nil
}

// Rows reads histories and folds them, exactly, whatever they hold. An order that its events do not create has no row.
func (n folded) Rows(ctx context.Context, keys []order.Key) ([]order.Row, error) {
	defer n.side.observe("rows")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	histories, err := n.fold.events.histories(ctx, n.tx, keys)
	if err != nil {
		return nil, n.fail("reading orders", err)
	}
	rows := make([]order.Row, 0, len(histories))
	for key, events := range histories {
		state, _ := order.Fold(events)
		if !state.Exists() {
			continue
		}
		row := order.Row{Key: key, ChangedAt: state.UpdatedAt()}
		for _, f := range n.fold.fields {
			v, _ := state.Value(f.Name)
			row.Values = append(row.Values, v)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
