package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// errColumns is returned for an answer in an unexpected form.
var errColumns = errors.New("unexpected columns")

// Rows implements [follow.EventStore]. Most messages of the stream cost one row of it. So positions and times are read
// in the server's binary form, and nothing is copied.
func (e *Events) Rows(ctx context.Context, positions []order.Position, fn func(order.StoredRow) error) error {
	if len(positions) == 0 {
		return nil
	}
	return e.rows(ctx, "("+e.config.Position+") = ANY($1::bigint[])", func(session.Encoding) []byte { return int8Array(positions) }, fn)
}

// RowsByID implements [follow.EventStore].
func (e *Events) RowsByID(ctx context.Context, ids []order.ID, fn func(order.StoredRow) error) error {
	if len(ids) == 0 {
		return nil
	}
	condition := fmt.Sprintf("(%s) = ANY($1::%s[]) AND (%s) IS NOT NULL", e.config.ID, keyCast(e.idType), e.config.Position)
	return e.rows(ctx, condition, func(of session.Encoding) []byte { return textArray(of, ids) }, fn)
}

// rows reads events by a condition with one argument. If the payload of one fails, those that were read before are not read again.
func (e *Events) rows(ctx context.Context, condition string, arg func(session.Encoding) []byte, fn func(order.StoredRow) error) error {
	defer e.side.observe("positions")()
	var read []order.Position
	err := e.tolerant(ctx, func(e *Events) error {
		before := len(read)
		return e.rowsOnce(ctx, condition, arg, func(row order.StoredRow) error {
			if slices.Contains(read[:before], row.Position) {
				return nil
			}
			read = append(read, row.Position)
			return fn(row)
		})
	}, func(ctx context.Context, e *Events) ([]order.Position, error) {
		return failingOf(strings.Replace(condition, "$1", literal(string(arg(session.Encoding{}))), 1))(ctx, e)
	})
	if err != nil {
		return fmt.Errorf("reading events of messages: %w", err)
	}
	return nil
}

func (e *Events) rowsOnce(ctx context.Context, condition string, arg func(session.Encoding) []byte, fn func(order.StoredRow) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	c := e.config
	query := fmt.Sprintf("SELECT (%s)::text, (%s)::bigint, (%s)::text, %s, %s, %s FROM %s WHERE %s",
		c.Key, c.Position, c.Type, c.At, e.payloadSQL(), e.idSQL(), e.side.from(), condition)
	const text, binaryFormat = 0, 1
	payload := int16(text)
	if e.form == formBytes {
		payload = binaryFormat
	}
	return e.side.pool.Read(ctx, func(tx *session.Tx) error {
		encoding := tx.Encoding()
		query := encoding.Encode(query)
		return tx.Wire(func(conn *pgconn.PgConn) error {
			return e.eachRow(encoding, conn.ExecParams(ctx, query, [][]byte{arg(encoding)}, nil, []int16{text},
				[]int16{text, binaryFormat, text, binaryFormat, payload, text}), fn)
		})
	})
}

func (e *Events) eachRow(of session.Encoding, result *pgconn.ResultReader, fn func(order.StoredRow) error) error {
	var failed error
	for failed == nil && result.NextRow() {
		var row order.StoredRow
		if row, failed = e.storedRow(of, result.Values()); failed == nil {
			failed = fn(row)
		}
	}
	_, err := result.Close()
	return errors.Join(failed, err)
}

func (e *Events) storedRow(of session.Encoding, raw [][]byte) (order.StoredRow, error) {
	if len(raw) != 6 {
		return order.StoredRow{}, errColumns
	}
	position, ok := bigint(raw[1])
	if !ok { // a NULL cannot have been asked for
		return order.StoredRow{}, errColumns
	}
	row := order.StoredRow{Position: order.Position(position), ID: of.Decode(raw[5]), Key: of.Decode(raw[0]), Type: of.Decode(raw[2]), Payload: e.content(of, raw[4])}
	row.At = e.timeOf(row.Payload, tellableTime(raw[3]))
	return row, nil
}

// int8Array prints a bigint[].
func int8Array(positions []order.Position) []byte {
	const digits = 12 // usually enough for one, with its comma
	out := make([]byte, 0, len(positions)*digits+2)
	out = append(out, '{')
	for i, p := range positions {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, int64(p), 10)
	}
	return append(out, '}')
}

// textArray prints a text[].
func textArray(of session.Encoding, ids []order.ID) []byte {
	const length = 39 // of a uuid in quotes, with its comma
	out := make([]byte, 0, len(ids)*length+2)
	out = append(out, '{')
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, escapeArray.Replace(of.Encode(string(id)))...)
		out = append(out, '"')
	}
	return append(out, '}')
}

var escapeArray = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
