package source

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

var _ follow.Upcaster = (*Events)(nil)

// stand says which columns of a stored event a message's payload and type stand for.
type stand struct{ payload, eventType pgconn.FieldDescription }

// maxStands is in how many ways a message is read at most.
const maxStands = 4

// stands are the columns that the expressions for payload and type are made of: a publisher may have sent what is in
// them. There is none where both are plain columns: then a message says what is stored as it stands.
func (e *Events) stands(columns []pgconn.FieldDescription) []stand {
	payloads, plain := namedIn(e.config.Payload, columns, pgtype.JSONBOID, pgtype.JSONOID, pgtype.TextOID, pgtype.VarcharOID, pgtype.ByteaOID)
	types, plainType := namedIn(e.config.Type, columns, pgtype.TextOID, pgtype.VarcharOID)
	if plain && plainType {
		return nil
	}
	var out []stand
	for _, t := range types {
		for _, p := range payloads {
			if p.Name != t.Name && len(out) < maxStands {
				out = append(out, stand{p, t})
			}
		}
	}
	return out
}

// namedIn are the columns of these types that an expression names. It is plain if it is one of them.
func namedIn(expr string, columns []pgconn.FieldDescription, oids ...uint32) (named []pgconn.FieldDescription, plain bool) {
	for _, c := range columns {
		if strings.Trim(expr, `" `) == c.Name {
			return []pgconn.FieldDescription{c}, true
		}
		word := regexp.MustCompile(`(^|[^\w$])` + regexp.QuoteMeta(c.Name) + `($|[^\w$])`)
		if slices.Contains(oids, c.DataTypeOID) && word.MatchString(expr) {
			named = append(named, c)
		}
	}
	return named, false
}

// Upcast implements [follow.Upcaster].
func (e *Events) Upcast(ctx context.Context, messages []order.RawEvent) ([][]follow.Upcast, error) {
	defer e.side.observe("upcast")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	columns, err := e.columns(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the columns of the events: %w", err)
	}
	out := make([][]follow.Upcast, len(messages))
	for _, s := range e.stands(columns) {
		if err := e.upcast(ctx, columns, s, messages, out); err != nil {
			return nil, fmt.Errorf("reading messages as the store's events are read: %w", err)
		}
	}
	return out, nil
}

func (e *Events) columns(ctx context.Context) ([]pgconn.FieldDescription, error) {
	rows, err := e.side.pool.Query(ctx, "SELECT * FROM "+e.side.from()+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	columns := slices.Clone(rows.FieldDescriptions()) // the connection uses them again
	rows.Close()
	return columns, rows.Err()
}

// upcast reads messages in one way. One that the server cannot read is left out, and the others are read without it.
func (e *Events) upcast(ctx context.Context, columns []pgconn.FieldDescription, s stand, messages []order.RawEvent, out [][]follow.Upcast) error {
	err := e.upcastOnce(ctx, columns, s, messages, out)
	if !failsForRow(err) {
		return err
	}
	if len(messages) == 1 {
		return nil
	}
	half := len(messages) / 2
	if err := e.upcast(ctx, columns, s, messages[:half], out[:half]); err != nil {
		return err
	}
	return e.upcast(ctx, columns, s, messages[half:], out[half:])
}

func (e *Events) upcastOnce(ctx context.Context, columns []pgconn.FieldDescription, s stand, messages []order.RawEvent, out [][]follow.Upcast) error {
	positions, types, payloads := make([]int64, len(messages)), make([]string, len(messages)), make([]string, len(messages))
	for i, m := range messages {
		positions[i], types[i], payloads[i] = int64(m.Position), m.Type, string(m.Payload)
	}
	c := e.config
	query := fmt.Sprintf(`SELECT crosscheck_number - 1, (%[1]s)::text, %[2]s, crosscheck_same FROM (
		SELECT %[3]s, crosscheck_number, %[6]s AS crosscheck_same FROM %[4]s
		JOIN unnest($1::bigint[], $2::text[], $3::text[]) WITH ORDINALITY AS m (crosscheck_position, crosscheck_type, crosscheck_payload, crosscheck_number)
		ON (%[5]s) = crosscheck_position WHERE (%[5]s) = ANY($1::bigint[]) OFFSET 0) AS t`,
		c.Type, e.payloadSQL(), strings.Join(s.columns(columns), ", "), e.side.from(), c.Position, s.same())
	rows, err := e.side.pool.Query(ctx, query, positions, types, payloads)
	if err != nil {
		return err
	}
	found := map[int]follow.Upcast{} // by number
	var number int
	var eventType *string
	var payload []byte
	var same *bool
	_, err = pgx.ForEachRow(rows, []any{&number, &eventType, &payload, &same}, func() error {
		if eventType != nil && payload != nil {
			m := messages[number]
			m.Type, m.Payload = *eventType, payload
			found[number] = follow.Upcast{Event: m, AsStored: same != nil && *same}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for number, u := range found {
		out[number] = append(out[number], u)
	}
	return nil
}

// same is true for a message that is what is stored, however that is spaced and ordered.
func (s stand) same() string {
	payload := "t." + pgx.Identifier{s.payload.Name}.Sanitize()
	if s.payload.DataTypeOID == pgtype.ByteaOID {
		payload = "convert_from(" + payload + ", 'UTF8')"
	}
	return fmt.Sprintf("(%s)::jsonb = crosscheck_payload::jsonb AND t.%s = crosscheck_type", payload, pgx.Identifier{s.eventType.Name}.Sanitize())
}

// columns are those of the events, with those of the message in their places.
func (s stand) columns(columns []pgconn.FieldDescription) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		name := pgx.Identifier{c.Name}.Sanitize()
		names[i] = "t." + name
		switch {
		case c.Name == s.eventType.Name:
			names[i] = "crosscheck_type AS " + name
		case c.Name != s.payload.Name:
		case c.DataTypeOID == pgtype.JSONBOID:
			names[i] = "crosscheck_payload::jsonb AS " + name
		case c.DataTypeOID == pgtype.JSONOID:
			names[i] = "crosscheck_payload::json AS " + name
		case c.DataTypeOID == pgtype.ByteaOID:
			names[i] = "convert_to(crosscheck_payload, 'UTF8') AS " + name
		default:
			names[i] = "crosscheck_payload AS " + name
		}
	}
	return names
}
