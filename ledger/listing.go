package ledger

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

var (
	_ board.Listed = (*Ledger)(nil)
	_ board.Logged = (*Ledger)(nil)
)

// inState is a condition on d, a divergence.
func inState(s verify.DivergenceState) string {
	switch s {
	case verify.Open:
		return openNow
	case verify.Accepted:
		return acceptedNow
	case verify.Resolved:
		return `d.state = 'resolved'`
	default:
		return `true`
	}
}

// chosen is the rest of a filter, as a condition on d and its arguments.
func chosen(f board.Filter) (condition string, args []any) {
	return ` WHERE ` + inState(f.State) + ` AND ($1 = '' OR d.fingerprint = $1) AND ($2 = '' OR d.order_key = $2) AND ($3 = '' OR d.hop = $3)
		AND ($4 = '' OR d.kind = $4) AND ($5 = '' OR d.cause = CASE WHEN $5 = '` + board.NoCause + `' THEN '' ELSE $5 END)
		AND ($6 = '' OR d.fields @> jsonb_build_array(jsonb_build_object('name', $6::text)))
		AND ($7::timestamptz IS NULL OR d.first_seen < $7)`, []any{f.Fingerprint, f.Key, f.Hop, f.Kind, f.Cause, f.Field, orNull(f.Before)}
}

// ListDivergences implements [board.Listed].
func (l *Ledger) ListDivergences(ctx context.Context, f board.Filter, after board.Place, limit int) ([]verify.Divergence, error) {
	condition, args := chosen(f)
	args = append(args, limit)
	further, sorted := `>`, `d.first_seen, d.id`
	if f.NewestFirst() {
		further, sorted = `<`, `d.first_seen DESC, d.id DESC`
	}
	if after != (board.Place{}) {
		condition += ` AND (d.first_seen, d.id) ` + further + ` ($9, $10)`
		args = append(args, micro(after.FirstSeen), after.ID)
	}
	return l.queryDivergences(ctx, `SELECT `+divergenceColumns+` FROM divergence d`+condition+` ORDER BY `+sorted+` LIMIT $8`, args...)
}

// CountDivergences implements [board.Listed].
func (l *Ledger) CountDivergences(ctx context.Context, f board.Filter) (c board.Counts, err error) {
	condition, args := chosen(f)
	err = l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT d.hop, d.kind, d.cause, count(*), min(d.first_seen) FROM divergence d`+condition+` GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3`, args...)
		if err != nil {
			return err
		}
		c.Groups, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o gate.OpenDivergences, err error) {
			err = row.Scan(&o.Hop, &o.Kind, &o.Cause, &o.Count, &o.Oldest)
			o.Oldest = o.Oldest.UTC()
			return o, err
		})
		if err != nil {
			return err
		}
		rows, err = l.pool.Query(ctx, `
			SELECT f->>'name', count(*) FROM divergence d, jsonb_array_elements(d.fields) f`+condition+` GROUP BY 1 ORDER BY 2 DESC, 1`, args...)
		if err != nil {
			return err
		}
		c.Fields, err = pgx.CollectRows(rows, pgx.RowToStructByPos[board.FieldCount])
		return err
	})
	if err != nil {
		return board.Counts{}, fmt.Errorf("counting divergences: %w", err)
	}
	return c, nil
}

// ListPasses implements [board.Logged].
func (l *Ledger) ListPasses(ctx context.Context, f board.PassFilter, limit int) ([]verify.Pass, error) {
	passes, err := l.queryPasses(ctx, `SELECT `+passColumns+` FROM pass
		WHERE pair = $1 AND ($2 = '' OR kind = $2) AND ($3 = '' OR verdict = $3) AND ($4 = 0 OR id < $4) ORDER BY id DESC LIMIT $5`,
		l.pair, f.Kind, f.Verdict, f.Before, limit)
	if err != nil {
		return nil, fmt.Errorf("listing passes: %w", err)
	}
	return passes, nil
}

// ListDecisions implements [board.Logged].
func (l *Ledger) ListDecisions(ctx context.Context, before int64, limit int) (links []board.Link, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		// One more than is wanted: whether a link is sound depends on the one before it.
		rows, err := l.pool.Query(ctx, `SELECT `+linkColumns+` FROM decision WHERE $1 = 0 OR seq < $1 ORDER BY seq DESC LIMIT $2`, before, limit+1)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, scanLink)
		links = listed(found, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing decisions: %w", err)
	}
	return links, nil
}

// NewestDecision is the newest link that is a decision, and no approval; nil if there is none.
func (l *Ledger) NewestDecision(ctx context.Context) (newest *board.Link, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT `+linkColumns+` FROM decision WHERE answer <> $1 ORDER BY seq DESC LIMIT 1`, approved)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, scanLink)
		for _, k := range found {
			newest = &board.Link{
				Seq: k.seq, At: k.at.UTC(), Who: k.who, Fingerprint: k.fingerprint, Answer: k.answer, Hash: hex.EncodeToString(k.hash), Prev: hex.EncodeToString(k.prev),
				Decision: json.RawMessage(k.decision), Evidence: json.RawMessage(k.evidence),
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the newest decision: %w", err)
	}
	return newest, nil
}

// listed are the first of some links, newest first, each with its flaw.
func listed(found []link, limit int) (links []board.Link) {
	for i, k := range found[:min(len(found), limit)] {
		older := link{hash: []byte{}}
		if i+1 < len(found) {
			older = found[i+1]
		}
		at, flaw := k.flaw(older.seq, older.hash)
		if flaw != "" && at != k.seq {
			flaw = fmt.Sprintf("decision %d before it was removed", at)
		}
		links = append(links, board.Link{
			Seq: k.seq, At: k.at.UTC(), Who: k.who, Fingerprint: k.fingerprint, Answer: k.answer, Hash: hex.EncodeToString(k.hash), Prev: hex.EncodeToString(k.prev), Flaw: flaw,
			Decision: json.RawMessage(k.decision), Evidence: json.RawMessage(k.evidence),
		})
	}
	return links
}
