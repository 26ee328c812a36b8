package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/reads"
	"github.com/nordvarg/crosscheck/source/session"
)

// ErrAnswer is returned for rows that cannot be an answer of a read path.
var ErrAnswer = errors.New("not an answer that can be compared")

// mostAnswer and mostAnswered limit the bytes and the rows of one answer.
const (
	mostAnswer   = 4 << 20
	mostAnswered = 10_000
)

// ReadPath asks queries of SQL in the database of a side.
type ReadPath struct {
	pool    *session.Pool
	timeout time.Duration
}

// OpenReadPath connects. So many questions can be asked at once.
func OpenReadPath(ctx context.Context, is order.Representation, dsn string, timeout time.Duration, atOnce int) (*ReadPath, error) {
	pool, err := connectWith(ctx, string(is), dsn, atOnce)
	if err != nil {
		return nil, err
	}
	return &ReadPath{pool, timeout}, nil
}

// Close closes all connections.
func (r *ReadPath) Close() { r.pool.Close() }

// Query is one query; $1 is the first parameter of a question.
func (r *ReadPath) Query(sql string) reads.Asker {
	q := question{ReadPath: r, sql: sql}
	for _, m := range placeholder.FindAllStringSubmatch(sql, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			q.params = max(q.params, n)
		}
	}
	return q
}

var placeholder = regexp.MustCompile(`\$([0-9]{1,4})\b`)

type question struct {
	*ReadPath

	sql    string
	params int
}

var _ reads.Asker = question{}

// Ask implements [reads.Asker].
func (q question) Ask(ctx context.Context, params []string) (a reads.Answer, err error) {
	if len(params) < q.params {
		return a, fmt.Errorf("%w: the query has $%d, and the question has %d parameters", ErrAnswer, q.params, len(params))
	}
	values := make([][]byte, q.params)
	err = q.pool.Read(ctx, func(tx *session.Tx) error {
		if err := tx.Set(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", max(q.timeout.Milliseconds(), 1))); err != nil {
			return err
		}
		encoding := tx.Encoding()
		for i := range values {
			values[i] = []byte(encoding.Encode(params[i]))
		}
		began := time.Now()
		return tx.Wire(func(conn *pgconn.PgConn) (err error) {
			rows := conn.ExecParams(ctx, encoding.Encode(q.sql), values, nil, nil, nil)
			a.Value, err = answered(rows, encoding)
			_, closed := rows.Close()
			a.Rows, a.Took = true, time.Since(began)
			return errors.Join(err, closed)
		})
	})
	return a, err
}

// answered reads the rows of an answer.
func answered(rows *pgconn.ResultReader, encoding session.Encoding) (reads.Value, error) {
	all, bytes := reads.Value{Kind: reads.Array}, 0
	for rows.NextRow() {
		row := reads.Value{Kind: reads.Object, Members: map[string]reads.Value{}}
		for i, raw := range rows.Values() {
			column := rows.FieldDescriptions()[i]
			name := string(encoding.Decode([]byte(column.Name)))
			if _, twice := row.Members[name]; twice {
				return all, fmt.Errorf("%w: two columns are called %s", ErrAnswer, name)
			}
			v, err := answeredValue(column.DataTypeOID, raw, encoding)
			if err != nil {
				return all, fmt.Errorf("reading column %s: %w", name, err)
			}
			row.Members[name] = v
			bytes += len(raw)
		}
		if all.Items = append(all.Items, row); len(all.Items) > mostAnswered || bytes > mostAnswer {
			return all, fmt.Errorf("%w: it has more than %d rows or %d MiB", ErrAnswer, mostAnswered, mostAnswer>>20)
		}
	}
	return all, nil
}

// answeredValue gives a value the kind that it would have in JSON, except for times.
func answeredValue(oid uint32, raw []byte, encoding session.Encoding) (reads.Value, error) {
	if raw == nil {
		return reads.Value{Kind: reads.Null}, nil
	}
	text := string(encoding.Decode(raw))
	switch oid {
	case pgtype.BoolOID:
		return reads.Value{Kind: reads.Boolean, Text: strconv.FormatBool(text == "t")}, nil
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		return reads.Value{Kind: reads.Number, Text: text}, nil
	case pgtype.JSONOID, pgtype.JSONBOID:
		return reads.ParseJSON([]byte(text))
	case pgtype.TimestamptzOID, pgtype.TimestampOID:
		return reads.ParseTime(text), nil
	default:
		return reads.Value{Kind: reads.Text, Text: text}, nil
	}
}
