package source

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// belongs is the condition for rows that are events of orders; empty if all are.
func (c EventsConfig) belongs() string {
	var all []string
	if c.Where != "" {
		all = append(all, condition(c.Where))
	}
	if c.Strip != "" {
		all = append(all, "("+c.Key+") LIKE"+literal(strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(c.Strip)+"%"))
	}
	return strings.Join(all, " AND ")
}

// where also leaves out the events that are passed over. One without a type is not.
func (c EventsConfig) where() string {
	types := c.Rules.IgnoredTypes()
	if len(types) == 0 || c.PerOrder { // without them, positions would be left out
		return c.belongs()
	}
	for i, t := range types {
		types[i] = "'" + strings.ReplaceAll(t, "'", "''") + "'"
	}
	passed := fmt.Sprintf("((%s)::text NOT IN (%s)) IS NOT FALSE", c.Type, strings.Join(types, ", "))
	if belongs := c.belongs(); belongs != "" {
		return belongs + " AND " + passed
	}
	return passed
}

// within is the FROM item of all rows that belong, those that are passed over included; without an alias.
func (e *Events) within() string {
	if e.belongs != "" {
		return "(SELECT * FROM " + e.config.Table + " AS t WHERE " + e.belongs + ")"
	}
	return e.config.Table
}

// storedKey is the order of an event by its stored key. It is looked up as it is stored, so what would be stored otherwise than it is
// looked up is no key.
func (c EventsConfig) storedKey(t order.KeyType) string {
	rest := "(" + c.Key + ")"
	if c.Strip != "" {
		rest = fmt.Sprintf("substr((%s), length(%s) + 1)", c.Key, literal(c.Strip))
	}
	switch t {
	case order.KeyUUID:
		// One pattern with counted parts takes many times as long.
		return fmt.Sprintf(`CASE WHEN %[1]s LIKE '________-____-____-____-____________' AND %[1]s COLLATE "C" ~ '^[0-9a-f-]+$' AND length(replace(%[1]s, '-', '')) = 32 THEN (%[1]s)::uuid END`, rest)
	case order.KeyInteger:
		return "CASE WHEN " + rest + ` COLLATE "C" ~ '^(0|-?[1-9][0-9]*)$' AND length(` + rest + ") < 19 THEN (" + rest + ")::bigint END"
	case order.KeyText:
	}
	return "nullif(" + rest + ", '')"
}

// orderKey is the order of an event, as the configuration has it or read from the stored key.
func (e *Events) orderKey(c EventsConfig) string {
	if e.stored == "" {
		return c.Key
	}
	return c.storedKey(e.keyType)
}

// ofKeys is the condition for the events of some orders, with its arguments.
func (e *Events) ofKeys(keys []order.Key) (condition string, args []any) {
	if e.stored == "" {
		return among(e.keyType, e.config.Key, keys)
	}
	arg := texts(keys)
	for i := range arg {
		arg[i] = e.config.Strip + arg[i]
	}
	return "(" + e.stored + ") = ANY($1::text[]) AND (" + e.config.Key + ") IS NOT NULL", []any{arg}
}

// unfitError is returned for a column or an expression of a type that cannot be used. It wraps [ErrUnsupported].
type unfitError struct{ what, instead string }

func (u *unfitError) Error() string { return u.what + ": " + ErrUnsupported.Error() + "; " + u.instead }
func (u *unfitError) Unwrap() error { return ErrUnsupported }

// readKey finds out of which type the orders of a stored key are.
func (e *Events) readKey(ctx context.Context) error {
	c := e.config
	if c.Strip == "" && !c.AsStored {
		return nil
	}
	switch n, err := e.side.unsliced().typeOf(ctx, c.Key); {
	case err != nil:
		return fmt.Errorf("events.key.column %s: %w", c.Key, err)
	case n.oid == pgtype.TextOID || n.oid == pgtype.VarcharOID:
	case c.Strip == "":
		return nil
	default:
		return &unfitError{fmt.Sprintf("events.key.column %s is %s, which has no prefix", c.Key, n.name), "write key: " + yamlText(c.Key) + ", without strip"}
	}
	keyType := order.KeyText
	if c.Keys.DSN != "" {
		var err error
		if keyType, err = keyTypeOf(ctx, c.Keys); err != nil {
			return fmt.Errorf("asking %s for the type of its key: %w", c.Keys.Representation, err)
		}
	}
	e.stored, e.side.config.Key = c.Key, c.storedKey(keyType)
	return nil
}

// keyTypeOf asks a side for the type of its key.
func keyTypeOf(ctx context.Context, c Config) (order.KeyType, error) {
	pool, err := connect(ctx, string(c.Representation), c.DSN)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	t, _, err := (&Side{config: c, pool: pool}).resolveKey(ctx)
	return t, err
}

// payloadForm is how the server keeps payloads.
type payloadForm string

const (
	formJSON  payloadForm = "json"
	formJSONB payloadForm = "jsonb"
	formText  payloadForm = "text"
	formBytes payloadForm = "bytea"
)

// payloadForms are the types that a payload may have.
var payloadForms = map[uint32]payloadForm{
	pgtype.JSONOID: formJSON, pgtype.JSONBOID: formJSONB, pgtype.TextOID: formText, pgtype.VarcharOID: formText, pgtype.ByteaOID: formBytes,
}

// fromUTF8 is a call that reads bytes as text.
var fromUTF8 = regexp.MustCompile(`(?is)^(?:pg_catalog\.)?convert_from\s*\((.*),\s*'utf-?8'\s*\)$`)

// readPayload finds out how payloads are kept. One that is text or bytes and is cast to JSON is read as it is stored. The
// server would refuse a whole query for one text that is no JSON; decoding makes it a finding about its event.
func (e *Events) readPayload(ctx context.Context) error {
	for _, expr := range []string{textOf(e.config.Payload), e.config.Payload} {
		n, err := e.side.typeOf(ctx, expr)
		if err != nil && expr == e.config.Payload {
			return fmt.Errorf("events.payload %s: %w", expr, err)
		}
		form := payloadForms[n.oid]
		if err == nil && (expr == e.config.Payload || form == formText || form == formBytes) {
			e.config.Payload, e.form = expr, form
			return nil
		}
	}
	return nil
}

// textOf is what a payload's expression casts to JSON, and what that converts from bytes; the expression itself if it is no
// such cast.
func textOf(expr string) string {
	expr = strings.TrimSpace(expr)
	if of, to, ok := castOf(expr); ok && (to == "json" || to == "jsonb") {
		expr = of
	}
	if m := fromUTF8.FindStringSubmatch(expr); m != nil && closing(expr) == len(expr)-1 {
		return m[1]
	}
	return expr
}

// payloadSQL is a payload as it is sent. Only the beginning of one beyond the limit is sent, because it might be a
// gigabyte. Nearly all payloads are small in storage and are not measured.
func (e *Events) payloadSQL() string {
	as, beginning := "(%[1]s)::text", "left((%[1]s)::text, %[3]d)"
	if e.form == formBytes {
		as, beginning = "(%[1]s)", "substr((%[1]s), 1, %[3]d)"
	}
	return fmt.Sprintf("CASE WHEN pg_catalog.pg_column_size(%[1]s) < %[2]d THEN "+as+" ELSE "+beginning+" END", e.config.Payload, surelySmall, order.MaxPayload+1)
}

// unhex reads bytes as the server prints them, in place.
func unhex(text []byte) ([]byte, error) {
	if len(text) < 2 || text[0] != '\\' || text[1] != 'x' {
		return nil, errColumns
	}
	n, err := hex.Decode(text, text[2:])
	return text[:n], err
}

// content is a payload as text.
func (e *Events) content(of session.Encoding, raw []byte) []byte {
	if e.form == formBytes { // whatever the encoding of the database, these are the bytes that were written
		return raw
	}
	return of.Decode(raw)
}

// timeOf is the time in a payload, if times are there, and the given one otherwise.
func (e *Events) timeOf(payload []byte, at time.Time) time.Time {
	if e.config.AtPath != nil {
		return e.config.AtPath.Of(payload)
	}
	return at
}

// timed is the SQL of a value for events with a valid time, and NULL for others. A time in the payload is looked at here and
// not by the server.
func (e *Events) timed(of string) string {
	if e.config.AtPath != nil {
		return of
	}
	return tellable(e.config.At, of)
}

// timesInPayloads reads the times of the newest events by position, and before them the server's clock.
func (e *Events) timesInPayloads(ctx context.Context, limit int, fn func(now, at time.Time)) error {
	var now time.Time
	if err := e.side.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return err
	}
	query := fmt.Sprintf("%s WHERE (%[2]s) IS NOT NULL ORDER BY (%[2]s) DESC LIMIT %d", e.selecting(), e.config.Position, limit)
	return e.eachRaw(ctx, e.side.pool, func(raw order.RawEvent) {
		if !raw.At.IsZero() {
			fn(now, raw.At)
		}
	}, query)
}

// newestInPayloads is [Events.Newest] for times in payloads.
func (e *Events) newestInPayloads(ctx context.Context) (newest time.Time, err error) {
	err = e.timesInPayloads(ctx, lastEvents, func(now, at time.Time) {
		if at.After(newest) && !at.After(now.Add(time.Minute)) {
			newest = at
		}
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the newest event: %w", err)
	}
	return newest, nil
}

// mostPayloads limits how many of the newest events are searched like [mostBehind], where that reads the payloads.
const mostPayloads = 10_000

// afterInPayloads is [Events.After] for times in payloads.
func (e *Events) afterInPayloads(ctx context.Context, than time.Time) (events int64, waiting time.Duration, err error) {
	unit := map[string]time.Duration{"day": 24 * time.Hour, "second": time.Second, "milliseconds": time.Millisecond}[truncation(than)]
	err = e.timesInPayloads(ctx, mostPayloads, func(now, at time.Time) {
		if at.Truncate(unit).After(than) {
			events++
			waiting = max(waiting, now.Sub(at))
		}
	})
	if err != nil {
		return 0, 0, fmt.Errorf("looking for events that the projection has not reached: %w", err)
	}
	return events, waiting, nil
}
