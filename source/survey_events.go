package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/propose"
)

const (
	// surveyedNewest and surveyedOldest are how many events at both ends of a store are counted by type.
	surveyedNewest, surveyedOldest = 10_000, 5_000
	// surveyedPayloads is how many payloads of each type are looked into, each of at most surveyedBytes.
	surveyedPayloads, surveyedBytes = 50, 64 << 10
)

// Sample looks at the newest and the oldest events of a store. Where no index gives the order of positions, it looks at the
// first that the server gives.
func (s *Survey) Sample(ctx context.Context, store propose.Store) (propose.Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	// Where there are fewer than the newest, no event is older than they are.
	ends := fmt.Sprintf(`(SELECT * FROM %[1]s ORDER BY %[2]s DESC LIMIT %[3]d) UNION ALL (SELECT * FROM (SELECT * FROM %[1]s ORDER BY %[2]s LIMIT %[4]d) AS oldest
		WHERE %[2]s < (SELECT %[2]s FROM %[1]s ORDER BY %[2]s DESC LIMIT 1 OFFSET %[5]d))`,
		store.Table.Quoted, store.Position.Quoted, surveyedNewest, surveyedOldest, surveyedNewest-1)
	if !store.Position.Indexed {
		ends = fmt.Sprintf("SELECT * FROM %s LIMIT %d", store.Table.Quoted, surveyedNewest)
	}
	var out propose.Sample
	if err := s.keyPrefix(ctx, store, ends, &out); err != nil {
		return out, fmt.Errorf("reading keys of events: %w", err)
	}
	belong := ""
	if out.Elsewhere > 0 {
		belong = " WHERE starts_with((" + store.Key.Quoted + ")::text," + literal(out.Prefix) + ")"
		ends = "SELECT * FROM (" + ends + ") AS events" + belong
	}
	types, err := s.countTypes(ctx, store, ends, belong)
	if err != nil {
		return out, fmt.Errorf("counting the types of events: %w", err)
	}
	for _, t := range types {
		out.Events += t.Count
	}
	out.Whole = out.Events+out.Elsewhere < surveyedNewest
	if !store.Position.Unique {
		query := fmt.Sprintf("SELECT count(%[1]s) >= 2 * count(DISTINCT %[1]s) AND count(%[1]s) > 0 FROM (%[2]s) AS t", store.Position.Quoted, ends)
		if err := s.pool.QueryRow(ctx, query).Scan(&out.Repeats); err != nil {
			return out, fmt.Errorf("comparing positions of events: %w", err)
		}
	}
	if err := s.lookInto(ctx, store, ends, &out, types); err != nil {
		return out, fmt.Errorf("reading payloads of events: %w", err)
	}
	for _, t := range types {
		out.Types = append(out.Types, *t)
	}
	slices.SortFunc(out.Types, func(a, b propose.EventType) int {
		return cmp.Or(cmp.Compare(b.First, a.First), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// countTypes counts events by type, and by the type that an order's first event has. Only orders are counted there whose first
// event is among the oldest: those of the newest may have begun before.
func (s *Survey) countTypes(ctx context.Context, store propose.Store, ends, belong string) (map[string]*propose.EventType, error) {
	oldest := "(" + ends + ")"
	if store.Position.Indexed {
		oldest = fmt.Sprintf("(SELECT * FROM (SELECT * FROM %s ORDER BY %s LIMIT %d) AS oldest%s)", store.Table.Quoted, store.Position.Quoted, surveyedOldest, belong)
	}
	query := fmt.Sprintf(`WITH first AS (SELECT DISTINCT ON (%[1]s) (%[2]s)::text AS first_type FROM %[4]s AS oldest ORDER BY %[1]s, %[3]s)
		SELECT coalesce((%[2]s)::text, ''), count(*), (SELECT count(*) FROM first WHERE first_type = (%[2]s)::text), (SELECT count(*) FROM first)
		FROM (%[5]s) AS t GROUP BY %[2]s`, store.Key.Quoted, store.Type.Quoted, store.Position.Quoted, oldest, ends)
	rows, err := s.pool.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types := map[string]*propose.EventType{}
	for rows.Next() {
		var t propose.EventType
		if err := rows.Scan(&t.Name, &t.Count, &t.First, &t.Orders); err != nil {
			return nil, err
		}
		types[t.Name] = &t
	}
	return types, rows.Err()
}

// lookInto collects the paths of some payloads of each type, half of them from each end.
func (s *Survey) lookInto(ctx context.Context, store propose.Store, ends string, out *propose.Sample, types map[string]*propose.EventType) error {
	length := "octet_length(" + store.PayloadText() + ")"
	query := fmt.Sprintf(`SELECT type, key, payload FROM (SELECT coalesce((%[1]s)::text, '') AS type, coalesce((%[8]s)::text, '') AS key, %[2]s AS payload, row_number() OVER (PARTITION BY %[1]s ORDER BY %[3]s DESC) AS n
		FROM (%[4]s) AS t WHERE %[5]s <= %[6]d) AS numbered WHERE n <= %[7]d ORDER BY type, n`,
		store.Type.Quoted, store.PayloadText(), store.Position.Quoted, ends, length, surveyedBytes, surveyedPayloads, store.Key.Quoted)
	rows, err := s.pool.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	paths := map[string]*propose.Paths{}
	for rows.Next() {
		var name, key string
		var payload []byte
		if err := rows.Scan(&name, &key, &payload); err != nil {
			return err
		}
		if paths[name] == nil {
			paths[name] = &propose.Paths{}
		}
		if !paths[name].Add(strings.TrimPrefix(key, out.Prefix), payload) {
			out.Invalid++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		if t := types[name]; t != nil {
			paths[name].Describe(t)
		}
	}
	return rows.Err()
}

// keyPrefix finds what most keys begin with whose rest can be a key of legacy: it ends with a character that is neither letter nor
// digit.
func (s *Survey) keyPrefix(ctx context.Context, store propose.Store, ends string, out *propose.Sample) error {
	if store.Key.Kind != propose.KindText {
		return nil
	}
	pattern := map[order.KeyType]string{
		order.KeyUUID:    `^(|.*[^A-Za-z0-9])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
		order.KeyInteger: `^(|.*[^A-Za-z0-9])[0-9]+$`,
		order.KeyText:    `^([A-Za-z][A-Za-z_]*[^A-Za-z0-9_]+)[A-Za-z0-9]`,
	}[store.KeyType]
	query := fmt.Sprintf(`WITH keys AS (SELECT (%s)::text AS key FROM (%s) AS t), prefixes AS (SELECT key, substring(key FROM $1) AS prefix FROM keys),
		most AS (SELECT prefix FROM prefixes WHERE prefix IS NOT NULL GROUP BY prefix ORDER BY count(*) DESC, prefix LIMIT 1)
		SELECT most.prefix, count(*) FILTER (WHERE NOT starts_with(key, most.prefix)), coalesce(min(key) FILTER (WHERE NOT starts_with(key, most.prefix)), '')
		FROM prefixes, most GROUP BY most.prefix`, store.Key.Quoted, ends)
	err := s.pool.QueryRow(ctx, query, pattern).Scan(&out.Prefix, &out.Elsewhere, &out.Other)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	// Keys of text may begin with anything: only what all begin with is no part of them.
	if store.KeyType == order.KeyText && out.Elsewhere > 0 {
		out.Prefix, out.Elsewhere, out.Other = "", 0, ""
	}
	return err
}
