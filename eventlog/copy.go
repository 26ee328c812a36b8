package eventlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/backfill"
)

// copy sends the events in binary form.
func (l *Log) copy(ctx context.Context, tx pgx.Tx, events []backfill.Event) error {
	names := make([]string, len(l.columns))
	for i, c := range l.columns {
		names[i] = c.Name
	}
	table := pgx.Identifier{l.table.schema, l.table.name}
	if slices.ContainsFunc(l.columns, func(c column) bool { return c.append == nil }) {
		return l.copyAny(ctx, tx, table, names, events)
	}
	s := &stream{columns: l.columns, events: events, ready: append([]byte(nil), copyHeader...)}
	columns := make([]string, len(names))
	for i, name := range names {
		columns[i] = pgx.Identifier{name}.Sanitize()
	}
	_, err := tx.Conn().PgConn().CopyFrom(ctx, s, "COPY "+table.Sanitize()+" ("+strings.Join(columns, ", ")+") FROM STDIN (FORMAT binary)")
	if s.err != nil {
		return s.err
	}
	return err
}

// copyAny is copy for columns of types that only the library knows.
func (l *Log) copyAny(ctx context.Context, tx pgx.Tx, table pgx.Identifier, names []string, events []backfill.Event) error {
	row := make([]any, len(l.columns))
	next := 0
	_, err := tx.CopyFrom(ctx, table, names, pgx.CopyFromFunc(func() ([]any, error) {
		if next == len(events) {
			return nil, nil
		}
		e := &events[next]
		next++
		for i := range l.columns {
			var err error
			if row[i], err = l.columns[i].value(e); err != nil {
				return nil, refusing(e, l.columns[i].Name, err)
			}
		}
		return row, nil
	}))
	return err
}

func refusing(e *backfill.Event, column string, err error) error {
	return &backfill.RefusedError{Key: e.Key, Type: e.Type, ID: e.Deed.ID.String(), Err: fmt.Errorf("column %s: %w", column, err)}
}

// copyHeader begins a COPY in binary form: signature, flags, and no extension.
var copyHeader = append([]byte("PGCOPY\n\377\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)

// stream is what COPY reads, made while it is read.
type stream struct {
	columns []column
	events  []backfill.Event // those that are left
	ready   []byte
	sent    int   // of ready
	ended   bool  // the end is in ready
	err     error // what cannot be written
}

const readyAtOnce = 32 << 10

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if s.sent == len(s.ready) {
			if s.ended || s.err != nil {
				break
			}
			s.more()
		}
		copied := copy(p[n:], s.ready[s.sent:])
		n, s.sent = n+copied, s.sent+copied
	}
	switch {
	case n > 0:
		return n, nil
	case s.err != nil:
		return 0, s.err
	default:
		return 0, io.EOF
	}
}

// more makes the next rows, or the end.
func (s *stream) more() {
	s.ready, s.sent = s.ready[:0], 0
	for len(s.ready) < readyAtOnce && len(s.events) > 0 {
		e := &s.events[0]
		s.events = s.events[1:]
		s.ready = binary.BigEndian.AppendUint16(s.ready, uint16(len(s.columns))) //nolint:gosec // a table has at most 1600
		for i := range s.columns {
			c := &s.columns[i]
			at := len(s.ready)
			s.ready = append(s.ready, 0, 0, 0, 0)
			var err error
			if s.ready, err = c.append(s.ready, c, e); err != nil {
				s.err = refusing(e, c.Name, err)
				s.ready = s.ready[:0]
				return
			}
			binary.BigEndian.PutUint32(s.ready[at:], uint32(len(s.ready)-at-4)) //nolint:gosec // a payload has at most 1 MiB
		}
	}
	if len(s.events) == 0 {
		s.ready = append(s.ready, 0xff, 0xff)
		s.ended = true
	}
}

// appender writes a value in the form of a type.
type appender func(to []byte, c *column, e *backfill.Event) ([]byte, error)

// form is how the column's values are written; nil if only the library knows it.
func (c *column) form() appender {
	what := c.template.alone()
	switch c.Type {
	case pgtype.TextOID, pgtype.VarcharOID:
		if what != "at" {
			return appendText
		}
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return appendInteger
	case pgtype.UUIDOID:
		if what == "id" {
			return func(to []byte, _ *column, e *backfill.Event) ([]byte, error) { return append(to, e.Deed.ID[:]...), nil }
		}
	case pgtype.TimestamptzOID:
		if what == "at" && c.unit == 0 {
			return func(to []byte, _ *column, e *backfill.Event) ([]byte, error) {
				return binary.BigEndian.AppendUint64(to, uint64(e.Deed.At.UnixMicro()-epoch)), nil //nolint:gosec // as bits
			}
		}
	case pgtype.JSONOID, pgtype.ByteaOID:
		if what == "payload" {
			return appendPayload
		}
	case pgtype.JSONBOID:
		if what == "payload" {
			return func(to []byte, c *column, e *backfill.Event) ([]byte, error) {
				return appendPayload(append(to, 1), c, e)
			} // 1 is the version
		}
	}
	return nil
}

// epoch is the zero of PostgreSQL's times, in microseconds since 1970.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func appendPayload(to []byte, _ *column, e *backfill.Event) ([]byte, error) {
	return append(to, e.Payload...), nil
}

func appendText(to []byte, c *column, e *backfill.Event) ([]byte, error) {
	for i, part := range c.template {
		if i%2 == 1 {
			part = of(e, part)
		}
		to = append(to, part...)
	}
	return to, nil
}

func appendInteger(to []byte, c *column, e *backfill.Event) ([]byte, error) {
	var n int64
	if c.template.alone() == "at" {
		since, counts := c.time(e.Deed.At).(int64)
		if !counts {
			return to, fmt.Errorf("%w: a time is no %s without a unit", ErrTable, c.TypeName)
		}
		n = since
	} else {
		var room [32]byte
		text, err := appendText(room[:0], c, e)
		if err != nil {
			return to, err
		}
		if n, err = strconv.ParseInt(string(text), 10, 64); err != nil {
			return to, err
		}
	}
	switch {
	case c.Type == pgtype.Int8OID:
		return binary.BigEndian.AppendUint64(to, uint64(n)), nil //nolint:gosec // as bits
	case c.Type == pgtype.Int4OID && n >= math.MinInt32 && n <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(to, uint32(n)), nil //nolint:gosec // as bits
	case c.Type == pgtype.Int2OID && n >= math.MinInt16 && n <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(to, uint16(n)), nil //nolint:gosec // as bits
	}
	return to, fmt.Errorf("%w: %d is not in the range of %s", ErrTable, n, c.TypeName)
}
