package fence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Answer is what a probe write met.
type Answer string

const (
	// Refused by this fence.
	Refused Answer = "refused"
	// Waits before this fence, in mode wait.
	Waits Answer = "waits"
	// Passed the fence.
	Passed Answer = "passed"
	// Unclear is an error of something else, which came first.
	Unclear Answer = "unclear"
)

// Probed is the answer that one table gave.
type Probed struct {
	Table  string
	Answer Answer
	Detail string // the error, if it is unclear
}

// Probe tries to write to each table and partition, as the role of the dsn. The write is always rolled back: a row of nothing but NULL,
// beside the slice. The fence sees it before the constraints of the table do, and no default is computed.
func (f *Fence) Probe(ctx context.Context, scope Scope) (answers []Probed, err error) {
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		all, err := f.relations(ctx, conn)
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.Kind != "r" {
				continue
			}
			p, err := f.probe(ctx, conn, r, scope)
			if err != nil {
				return fmt.Errorf("probing %s: %w", r, err)
			}
			answers = append(answers, p)
		}
		return nil
	})
	return answers, err
}

// probeTry is how long a probe stands before the fence. All tables share the deadline of the question.
const probeTry = 20 * time.Millisecond

func (f *Fence) probe(ctx context.Context, conn *pgx.Conn, r relation, scope Scope) (p Probed, err error) {
	rows, err := conn.Query(ctx, `SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`, r.OID)
	if err != nil {
		return p, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return p, err
	}
	values := make([]string, len(names))
	for i, name := range names {
		values[i], names[i] = "NULL", pgx.Identifier{name}.Sanitize()
		if scope.One && scope.Slice != "" && name == f.config.Slice {
			values[i] = literal(scope.Slice)
		}
	}
	write := fmt.Sprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)", r.quoted(), strings.Join(names, ", "), strings.Join(values, ", "))
	tx, err := conn.Begin(ctx)
	if err != nil {
		return p, err
	}
	defer func() {
		soon, cancel := unhurried(ctx)
		defer cancel()
		err = errors.Join(err, tx.Rollback(soon))
	}()
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", probeTry.Milliseconds())); err != nil {
		return p, err
	}
	_, failed := tx.Exec(ctx, write)
	if failed != nil && conn.IsClosed() {
		return p, failed
	}
	p = Probed{Table: r.String()}
	p.Answer, p.Detail = f.answer(failed)
	return p, nil
}

// answer reads the error of a probe. Constraints are checked after the fence, so their errors say that the write has passed it.
func (f *Fence) answer(err error) (Answer, string) {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return Passed, ""
	case !ok:
		return Unclear, err.Error()
	case refused.Code == "25006" && refused.ConstraintName == f.marker():
		return Refused, ""
	case refused.Code == "55P03" && strings.Contains(refused.Where, schema):
		return Waits, ""
	case refused.Code[:2] == "23" && refused.DataTypeName == "":
		return Passed, ""
	default:
		return Unclear, refused.Error()
	}
}
