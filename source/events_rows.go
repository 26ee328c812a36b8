package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

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
	defer e.side.observe("positions")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	c := e.config
	query := fmt.Sprintf("SELECT (%[1]s)::text, (%[2]s)::bigint, (%[3]s)::text, %[4]s, %[5]s FROM %[6]s WHERE (%[2]s) = ANY($1::bigint[])",
		c.Key, c.Position, c.Type, c.At, e.payloadSQL(), e.side.from())
	const text, binaryFormat = 0, 1
	payload := int16(text)
	if e.form == formBytes {
		payload = binaryFormat
	}
	err := e.side.pool.Read(ctx, func(tx *session.Tx) error {
		encoding := tx.Encoding()
		query := encoding.Encode(query)
		return tx.Wire(func(conn *pgconn.PgConn) error {
			return e.eachRow(encoding, conn.ExecParams(ctx, query, [][]byte{int8Array(positions)}, []uint32{pgtype.Int8ArrayOID}, []int16{text},
				[]int16{text, binaryFormat, text, binaryFormat, payload}), fn)
		})
	})
	if err != nil {
		return fmt.Errorf("reading events by position: %w", err)
	}
	return nil
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
	if len(raw) != 5 {
		return order.StoredRow{}, errColumns
	}
	position, ok := bigint(raw[1])
	if !ok { // a NULL cannot have been asked for
		return order.StoredRow{}, errColumns
	}
	row := order.StoredRow{Position: order.Position(position), Key: of.Decode(raw[0]), Type: of.Decode(raw[2]), Payload: e.content(of, raw[4])}
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
