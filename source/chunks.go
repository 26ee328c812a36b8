package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

// chunk is a condition for a part of the rows, with its arguments.
type chunk struct {
	where string
	args  []any
}

// chunks divides the rows of the snapshot.
func (n *snapshot) chunks(ctx context.Context, pace *verify.Pace) iter.Seq2[chunk, error] {
	return func(yield func(chunk, error) bool) {
		rows, err := n.expected(ctx)
		if err == nil {
			compiled := rows
			if pace != nil {
				compiled = 0
			}
			err = wholeSettings(ctx, n.tx, compiled)
		}
		count := rows / chunkRows
		if pace != nil {
			count = rows/pace.Rows + 1
		}
		switch {
		case err != nil:
			yield(chunk{}, err)
		case count >= 2 && n.side.shape.pages() && n.within.Whole():
			n.byAddress(ctx, count, yield)
		case count >= 2 && pace != nil && n.side.shape.keyIndex:
			n.byKey(ctx, pace.Rows, yield)
		default:
			if err := n.preferBitmap(ctx, pace); err != nil {
				yield(chunk{}, err)
				return
			}
			yield(chunk{where: "true"}, nil)
		}
	}
}

// expected is how many rows of the snapshot's range the planner expects.
func (n *snapshot) expected(ctx context.Context) (int64, error) {
	if n.within.Whole() {
		return n.estimate(ctx)
	}
	return n.planned(ctx, "SELECT 1 FROM "+n.side.keys()+" WHERE "+n.inRange())
}

// preferBitmap lets a range of keys be read page by page, which takes a tenth less time than row by row through the index, and far
// less where neighbours by key are none by address. What a view needs, only its planner knows.
func (n *snapshot) preferBitmap(ctx context.Context, pace *verify.Pace) error {
	if n.within.Whole() || pace != nil || !slices.Contains([]string{"r", "m", "p"}, n.side.shape.relation) {
		return nil
	}
	return n.tx.Set(ctx, "SET LOCAL enable_indexscan = off")
}

// smallSettings are those of a transaction that reads some rows after all others. For them, compiling takes longer than it saves.
const smallSettings = "SET LOCAL jit = off; SET LOCAL enable_indexscan TO DEFAULT"

// wholeSettings are those of a transaction that reads all of so many rows once. If they are few, it does not earn the compiler's time,
// and if they are some millions, not the optimiser's.
func wholeSettings(ctx context.Context, tx *session.Tx, rows int64) error {
	jit, optimise := "off", "DEFAULT"
	if rows > jitRows {
		jit = "on"
	}
	if rows > optimisedRows {
		optimise = "0"
	}
	return tx.Set(ctx, fmt.Sprintf("SET LOCAL jit = %s; SET LOCAL jit_optimize_above_cost TO %s; SET LOCAL work_mem = '64MB'; SET LOCAL max_parallel_workers_per_gather = 0", jit, optimise))
}

// byAddress divides rows by their address.
func (n *snapshot) byAddress(ctx context.Context, count int64, yield func(chunk, error) bool) {
	parts, err := byAddress(ctx, n.tx, []string{strconv.FormatUint(uint64(n.side.shape.oid), 10)}, count)
	if err != nil {
		yield(chunk{}, err)
		return
	}
	for _, where := range parts {
		if !yield(chunk{where: where}, nil) {
			return
		}
	}
}

// byAddress returns conditions on the rows of tables: the addresses of the largest are divided, and tried in each. The last
// condition has no upper end. Rows that were appended after the size was read are not in the snapshot, and if one were, it would be
// counted.
func byAddress(ctx context.Context, tx *session.Tx, tables []string, count int64) ([]string, error) {
	var pages int64
	err := tx.QueryRow(ctx, `SELECT max(pg_catalog.pg_relation_size(f::oid)) / current_setting('block_size')::bigint FROM unnest($1::text[]) AS f`, tables).Scan(&pages)
	if err != nil {
		return nil, err
	}
	count = max(min(count, pages), 1)
	out := make([]string, count)
	for i := range count {
		out[i] = fmt.Sprintf("t.ctid >= '(%d,0)'", pages*i/count)
		if i < count-1 {
			out[i] += fmt.Sprintf(" AND t.ctid < '(%d,0)'", pages*(i+1)/count)
		}
	}
	return out, nil
}

// byKey divides rows without an address by their keys, through the index. It looks for the end of each chunk when the one
// before it has been read.
func (n *snapshot) byKey(ctx context.Context, rows int64, yield func(chunk, error) bool) {
	key := keySQL(n.side.shape.keyType, n.side.config.Key)
	bound := "$1::text::" + keyCast(n.side.shape.keyType)
	if !yield(chunk{where: key + " IS NULL"}, nil) {
		return
	}
	from, args := "", []any(nil)
	for most := rows; ; {
		var next string
		query := fmt.Sprintf("SELECT (%[1]s)::text AS crosscheck_key FROM %[2]s WHERE %[1]s IS NOT NULL%[3]s AND %[5]s ORDER BY %[1]s OFFSET %[4]d LIMIT 1",
			key, n.side.from(), from, most, n.inRange())
		err := n.tx.QueryRow(ctx, query, args...).Scan(&next)
		if errors.Is(err, pgx.ErrNoRows) {
			yield(chunk{where: key + " IS NOT NULL" + from, args: args}, nil)
			return
		}
		if err != nil {
			yield(chunk{}, fmt.Errorf("looking for the end of a chunk: %w", err))
			return
		}
		// A key that fills more than a chunk ends it where it began. Then the chunk is empty, and the next one must not be.
		if len(args) > 0 && args[0] == next {
			most *= 2
			continue
		}
		below := fmt.Sprintf(" AND %s < $%d::text::%s", key, len(args)+1, keyCast(n.side.shape.keyType))
		if !yield(chunk{where: key + " IS NOT NULL" + from + below, args: append(slices.Clip(args), next)}, nil) {
			return
		}
		from, args, most = " AND "+key+" >= "+bound, []any{next}, rows
	}
}

// Unpaced says why everything that a side has is read in one statement even where a throttle asks for pauses; empty if it is
// not.
func (s *Side) Unpaced() string {
	if s.shape.pages() || s.shape.keyIndex {
		return ""
	}
	return "its rows have no addresses and its keys no index"
}

// Unpaced is that of the events. They are sent no faster than they are received, but the server may sort them first, and
// it is not asked meanwhile what else it does.
func (f *Fold) Unpaced() string {
	switch {
	case !f.whole.indexed:
		return "events have no index on the key"
	case f.events.keyType == order.KeyText:
		return "events with text keys are not read in ranges"
	}
	return ""
}
