package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// reasonAbandoned is the reason of a pass whose process ended before both sides were read.
const reasonAbandoned = "process ended during the scan"

// orphan is true for a pass p whose lease is not live. An expired lease never comes back (see Renew).
const orphan = `NOT EXISTS (SELECT FROM lease l WHERE l.job = p.job AND l.token = p.token AND l.expires_at > clock_timestamp())`

// resumable is true for a pass with which another process can go on.
const resumable = `(state = 'settling' OR state = 'scanning' AND ranged)`

// Abandoned looks for passes of the given kinds (all if none is given) whose process is gone. Passes that were scanning
// become Done and unverified, because what they had read is lost. Passes that were settling, whose suspects are all in the
// queue, and passes in ranges are returned, oldest first, for the holder of their job's lease to Adopt. Any process may
// call it at any time.
func (l *Ledger) Abandoned(ctx context.Context, kinds ...verify.PassKind) ([]verify.Pass, error) {
	err := l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		return closeScanning(ctx, tx, l.pair, kinds)
	})
	if err != nil {
		return nil, fmt.Errorf("closing abandoned passes: %w", err)
	}
	passes, err := l.queryPasses(ctx, `
		SELECT `+passColumns+` FROM pass p
		WHERE `+resumable+` AND pair = $2 AND (cardinality($1::text[]) = 0 OR kind = ANY($1)) AND `+orphan+`
		ORDER BY id`, texts(kinds), l.pair)
	if err != nil {
		return nil, fmt.Errorf("reading abandoned passes: %w", err)
	}
	return passes, nil
}

// closeScanning locks first. Its later statements see what a writer committed while we waited for the lock.
func closeScanning(ctx context.Context, tx pgx.Tx, pair verify.PairID, kinds []verify.PassKind) error {
	rows, err := tx.Query(ctx, `
		SELECT id FROM pass p
		WHERE state = 'scanning' AND NOT ranged AND pair = $2 AND (cardinality($1::text[]) = 0 OR kind = ANY($1)) AND `+orphan+`
		ORDER BY id FOR NO KEY UPDATE`, texts(kinds), pair)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(ids) == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, `
		UPDATE pass p SET state = 'done', finished_at = clock_timestamp(), verdict = 'unverified', reason = $2,
			diverged = tally_diverged, lagging = tally_lagging,
			unverified = tally_lagging + tally_unverified + (SELECT count(*) FROM suspect s WHERE s.pass_id = p.id)
		WHERE id = ANY($1)`, ids, reasonAbandoned); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM suspect WHERE pass_id = ANY($1)`, ids)
	return err
}

// Adopt makes the lease's holder the owner of a pass that can be resumed whose own lease is not live, whatever its job was. A
// manual pass has its own job, which no process takes again. Adopt returns ErrFenced if the lease is not valid, and
// ErrNotSettling if the pass does not wait for rechecks or has an owner.
func (l *Ledger) Adopt(ctx context.Context, held lease.Lease, id verify.PassID) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE pass p SET token = $2, job = $3 WHERE id = $1 AND `+resumable+` AND `+orphan,
			id, held.Token, held.Job)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotSettling
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("adopting pass %d: %w", id, err)
	}
	return nil
}

// Missed records that a scheduled run did not take place, as a Done and unverified pass with the reason. It does
// nothing if the run is in the ledger already.
func (l *Ledger) Missed(ctx context.Context, kind verify.PassKind, scheduledAt time.Time, reason string) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO pass (pair, kind, state, trigger, scheduled_at, fingerprint, job, token, started_at, finished_at, verdict, reason)
			SELECT $4, $1, 'done', 'schedule', $2, '', '', 0, t, t, 'unverified', $3 FROM clock_timestamp() t
			ON CONFLICT (pair, kind, scheduled_at) WHERE scheduled_at IS NOT NULL DO NOTHING`,
			kind, micro(scheduledAt), reason, l.pair)
		return err
	})
	if err != nil {
		return fmt.Errorf("recording the missed %s pass of %s: %w", kind, scheduledAt.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// texts is a slice of names as PostgreSQL's text[]; never nil, which would be NULL.
func texts[S ~string](names []S) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return out
}
