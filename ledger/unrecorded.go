package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Unrecorded implements [verify.Findings].
func (l *Ledger) Unrecorded(ctx context.Context, id verify.PassID) (keys []order.Key, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			WITH counted AS (
				SELECT id, coverage, facts #> '{changes,without}' AS without FROM pass
				WHERE fingerprint = (SELECT fingerprint FROM pass WHERE id = $1) AND id < $1 AND kind = ANY ($2) AND state = 'done' AND token > 0
					AND (facts #>> '{changes,recorded}')::bigint > 0
			)
			SELECT DISTINCT w->>'order' COLLATE "C" FROM counted, jsonb_array_elements(without) w
			WHERE id >= coalesce((SELECT max(id) FROM counted WHERE coverage >= 1), 0) ORDER BY 1`, id, texts([]verify.PassKind{verify.Sample, verify.Full}))
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, pgx.RowTo[order.Key])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the changes without an event before pass %d: %w", id, err)
	}
	return keys, nil
}
