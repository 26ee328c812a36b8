package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

func writeBegunBefore(ctx context.Context, tx pgx.Tx, c follow.Commit) error {
	if len(c.BegunBefore) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO stream_begun_before (fingerprint, order_key) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`,
		c.Fingerprint, texts(c.BegunBefore))
	return err
}

// BegunBefore implements [follow.Ledger].
func (l *Ledger) BegunBefore(ctx context.Context, fingerprint string, keys []order.Key) (found []order.Key, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT order_key FROM stream_begun_before WHERE fingerprint = $1 AND order_key = ANY ($2::text[])`,
			fingerprint, texts(keys))
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowTo[order.Key])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading orders from before the event store begins: %w", err)
	}
	return found, nil
}

// StreamJudged reports of each message whether the follower has read it and does not miss its event.
func (l *Ledger) StreamJudged(ctx context.Context, fingerprint string, messages []follow.OrderMessage) ([]bool, error) {
	numbers, offsets := make([]int64, len(messages)), make([]int64, len(messages))
	for i, m := range messages {
		numbers[i], offsets[i] = int64(m.Partition), m.Offset
	}
	var judged []bool
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT EXISTS (SELECT FROM stream_partition p WHERE p.fingerprint = $1 AND p.number = m.number AND m.at_offset < p.next_offset)
				AND NOT EXISTS (SELECT FROM stream_unmatched u WHERE u.fingerprint = $1 AND u.number = m.number AND u.at_offset = m.at_offset)
			FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS m(number, at_offset, i) ORDER BY i`, fingerprint, numbers, offsets)
		if err != nil {
			return err
		}
		judged, err = pgx.CollectRows(rows, pgx.RowTo[bool])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading which messages were judged: %w", err)
	}
	return judged, nil
}
