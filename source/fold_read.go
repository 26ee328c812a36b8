package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

// eventReader reads the events of a COPY, and folds them order by order.
type eventReader struct {
	fold   *Fold
	replay *order.Replay
	each   func(key cellKey) error // called when replay holds the order of the key, if it exists or is flawed

	by    eventOrder
	timed bool // times are sent
	// positioned is true if the server sorts by position too.
	positioned bool
	keyless    bool   // events without an order are passed over
	within     string // condition for the events of the snapshot's range; empty for everything
	encoding   session.Encoding
	tuples     copyTuples
	pace       *verify.Pace // nil without pauses
	unpaid     int64        // events since the last pause
	raw        []byte       // the key of the current order, as it was sent
	key        cellKey
	started    bool
	events     order.Position // of that order; counted if positions are not sent
	last       order.Position // of the order's last event
	// disorder is true if the events of an order did not come by position. Then nothing that was read counts.
	disorder bool
}

// read sends a query as COPY and reads its events.
func (r *eventReader) read(ctx context.Context, tx *session.Tx, query string) error {
	r.tuples = copyTuples{each: r.event}
	if r.pace != nil {
		r.tuples.each = func(columns [][]byte) error {
			if err := r.pay(ctx); err != nil {
				return err
			}
			return r.event(columns)
		}
	}
	r.started, r.disorder = false, false
	r.encoding = tx.Encoding()
	query = r.encoding.Encode("COPY (" + query + ") TO STDOUT (FORMAT binary)")
	err := tx.Wire(func(conn *pgconn.PgConn) error {
		_, err := conn.CopyTo(ctx, &r.tuples, query)
		return err
	})
	if err != nil {
		return err
	}
	return r.finish()
}

// pay pauses from time to time. Meanwhile the server waits, because nobody takes what it sends.
func (r *eventReader) pay(ctx context.Context) error {
	if r.unpaid++; r.unpaid < r.pace.Rows {
		return nil
	}
	r.unpaid = 0
	return r.pace.During(ctx, r.pace.Rows)
}

// columns returns what is read of an event. Columns that are not needed are not sent.
func (r *eventReader) columns() string {
	c := r.fold.events.config
	eventType := "(" + c.Type + ")::text"
	if !r.timed {
		eventType = r.fold.events.timed(eventType)
	}
	columns := []string{r.keyColumn() + " AS crosscheck_key", eventType + " AS crosscheck_type", r.payload() + " AS crosscheck_payload"}
	if r.timed && c.AtPath == nil {
		columns = append(columns, r.fold.at+" AS crosscheck_at")
	}
	if r.numbered() {
		columns = append(columns, "("+c.Position+")::bigint AS crosscheck_position")
	}
	return strings.Join(columns, ", ")
}

// numbered is true if positions are sent. Otherwise the server has sorted by them, and no two of an order are equal.
func (r *eventReader) numbered() bool { return !r.fold.unique || !r.positioned }

// keyColumn is the order as it is sent: as it is stored if it is read here, and otherwise in the form that takes least to print.
func (r *eventReader) keyColumn() string {
	switch {
	case r.by.stored:
		return "(" + r.fold.events.stored + ")::text"
	case r.fold.events.keyType == order.KeyInteger:
		return "(" + r.fold.config.Key + ")::bigint"
	case r.fold.events.keyType == order.KeyUUID:
		return "(" + r.fold.config.Key + ")::uuid"
	}
	return "(" + r.fold.config.Key + ")::text"
}

// payload returns a payload as it is stored. Instead of one beyond the limit it sends a value that is not an object, so
// decoding fails in the same way.
func (r *eventReader) payload() string {
	form, size := r.fold.events.form, "octet_length((%[1]s)::text)"
	if form == formBytes {
		size = "octet_length(%[1]s)"
	}
	return fmt.Sprintf(`CASE WHEN (%[1]s) IS NULL OR pg_catalog.pg_column_size(%[1]s) < %[2]d OR `+size+` <= %[3]d THEN %[1]s ELSE '"too large"'::%[4]s END`,
		r.fold.events.config.Payload, surelySmall, order.MaxPayload, form)
}

// query selects events in the order in which they are folded.
func (r *eventReader) query(condition string) string {
	sort := r.by.key
	if r.positioned {
		sort += ", (" + r.fold.events.config.Position + ")"
	}
	if r.within != "" {
		condition = fmt.Sprintf("(%s) AND %s", condition, r.within)
	}
	return fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s ORDER BY %s", r.columns(), r.fold.events.within(), condition, sort)
}

// someTime is the time of an event with a valid time, if times are not sent.
var someTime = time.Unix(0, 0)

// event folds one event, and finishes the order before it. An event without an order is one row without a key.
func (r *eventReader) event(columns [][]byte) error {
	if r.disorder {
		return nil
	}
	if columns[0] == nil {
		return r.without()
	}
	if !r.started || !bytes.Equal(r.raw, columns[0]) {
		if err := r.finish(); err != nil {
			return err
		}
		if err := r.start(columns[0]); err != nil {
			return err
		}
	}
	if !r.started {
		return r.without()
	}
	r.events++
	e := order.StoredRow{Position: r.events, Type: r.encoding.Decode(columns[1]), At: someTime, Payload: r.fold.events.content(r.encoding, columns[2])}
	if r.fold.events.form == formJSONB && len(e.Payload) > 0 { // its version is before the text
		e.Payload = e.Payload[1:]
	}
	next := 3
	if r.fold.events.config.AtPath != nil {
		e.At = r.fold.events.timeOf(e.Payload, e.At)
	} else if r.timed {
		e.At = tellableTime(columns[next])
		next++
	}
	if r.numbered() {
		e.Position = order.NoPosition
		if position, ok := bigint(columns[next]); ok {
			e.Position = order.Position(position)
		}
		if r.disorder = !r.positioned && r.events > 1 && !r.ascends(e.Position); r.disorder {
			return nil
		}
		r.last = e.Position
	}
	r.replay.Apply(e)
	return nil
}

// ascends returns true if an event comes after the one before it, as the server sorts: those without a position are last.
func (r *eventReader) ascends(position order.Position) bool {
	return position == order.NoPosition || r.last != order.NoPosition && position >= r.last
}

// without is an event without an order.
func (r *eventReader) without() error {
	if r.keyless {
		return nil
	}
	return r.each(cellKey{null: true})
}

// tellableTime reads a timestamptz as [Events.Histories] does, in microseconds since 2000.
func tellableTime(raw []byte) time.Time {
	micros, ok := bigint(raw)
	if !ok || micros < order.FirstTime+unixEpoch || micros > order.LastTime+unixEpoch {
		return time.Time{}
	}
	return time.UnixMicro(micros - unixEpoch).UTC()
}

func (r *eventReader) finish() error {
	if !r.started || !r.replay.Exists() && (r.key.null || !r.replay.Flawed() && !r.fold.uncreated) {
		return nil
	}
	return r.each(r.key)
}

// bigint reads a bigint or a timestamp.
func bigint(raw []byte) (int64, bool) {
	if len(raw) != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(raw)), true
}

// errCopy is returned for a stream that is not a binary COPY.
var errCopy = errors.New("reading a binary COPY: unexpected bytes")

// copyTuples splits a binary COPY into tuples, however it is divided into messages.
type copyTuples struct {
	each    func(columns [][]byte) error // columns are valid during the call
	begun   bool
	rest    []byte
	columns [][]byte
}

const (
	copySignature = "PGCOPY\n\xff\r\n\x00"
	copyHeader    = len(copySignature) + 8 // with flags, and an extension of no bytes
)

// Write implements io.Writer.
func (c *copyTuples) Write(p []byte) (int, error) {
	data := p
	if len(c.rest) > 0 {
		c.rest = append(c.rest, p...)
		data = c.rest
	}
	for {
		size, err := c.next(data)
		if err != nil {
			return 0, err
		}
		if size == 0 {
			break
		}
		data = data[size:]
	}
	c.rest = append(c.rest[:0], data...)
	return len(p), nil
}

// next handles the beginning of the data, and returns its size; 0 if it is not complete yet.
func (c *copyTuples) next(data []byte) (int, error) {
	if !c.begun {
		if len(data) < copyHeader {
			return 0, nil
		}
		if string(data[:len(copySignature)]) != copySignature || binary.BigEndian.Uint32(data[copyHeader-4:]) != 0 {
			return 0, errCopy
		}
		c.begun = true
		return copyHeader, nil
	}
	if len(data) < 2 {
		return 0, nil
	}
	count := int16(binary.BigEndian.Uint16(data)) // -1 is the end
	at := 2
	c.columns = c.columns[:0]
	for range count {
		if len(data) < at+4 {
			return 0, nil
		}
		size := int(int32(binary.BigEndian.Uint32(data[at:]))) // -1 is NULL
		at += 4
		if size < 0 {
			c.columns = append(c.columns, nil)
			continue
		}
		if len(data) < at+size {
			return 0, nil
		}
		c.columns = append(c.columns, data[at:at+size:at+size])
		at += size
	}
	if count < 0 {
		return at, nil
	}
	return at, c.each(c.columns)
}

// Scan reads the events of buckets in the order of keys, and folds them.
func (n *folded) Scan(ctx context.Context, l verify.Layout, buckets []int64, fn func(order.Row) error) error {
	defer n.side.observe("scan")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	if len(buckets) == 0 {
		return nil
	}
	told := 0
	err := n.tolerantly(ctx, nil, func() error {
		return n.attempt(ctx, func() error { return n.scan(ctx, l, buckets, &told, fn) })
	})
	if err != nil {
		return n.fail("reading buckets", err)
	}
	return nil
}

// scan does not tell again of the rows that were told before it was repeated.
func (n *folded) scan(ctx context.Context, l verify.Layout, buckets []int64, told *int, fn func(order.Row) error) error {
	r := n.reader(n.fold.byKey, true)
	r.keyless = true
	if err := n.prefersIndex(ctx, l); err != nil {
		return err
	}
	rows := 0
	r.each = func(key cellKey) error {
		if rows++; rows <= *told {
			return nil
		}
		*told = rows
		state := r.replay.State()
		return fn(n.fold.row(order.Key(key.text), &state))
	}
	for _, query := range n.fold.queries(r, l, buckets) {
		if err := r.read(ctx, n.tx, query); err != nil {
			return err
		}
	}
	return nil
}

// reader reads events that the server sorts by position too.
func (f *Fold) reader(by eventOrder, timed bool) *eventReader {
	return &eventReader{fold: f, replay: order.NewReplay(f.events.config.Rules), by: by, timed: timed, positioned: true}
}

// reader reads events of the snapshot's range.
func (n *folded) reader(by eventOrder, timed bool) *eventReader {
	r := n.fold.reader(by, timed)
	if !n.within.Whole() {
		r.within = n.inRange()
	}
	return r
}

// inRange is the condition for an event of the snapshot's range. Literals are encoded with the whole statement.
func (n *folded) inRange() string { return within(n.within, n.fold.byKey.key, n.fold.bound) }
