package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
)

var _ follow.Intake = (*Ledger)(nil)

// takeAtOnce is how many parcels are taken at once. Each is what one fetch has brought, without what is stored anyway.
const takeAtOnce = 16

// OpenIntake implements [follow.Intake].
func (l *Ledger) OpenIntake(ctx context.Context, held lease.Lease, fingerprint string, at map[int]follow.Place) error {
	err := l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		for _, table := range []string{"stream_parcel", "stream_intake"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE fingerprint <> $1`, fingerprint); err != nil {
				return err
			}
		}
		for _, number := range slices.Sorted(maps.Keys(at)) {
			if err := openPartition(ctx, tx, fingerprint, number, at[number]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("opening the intake of the stream: %w", err)
	}
	return nil
}

// openPartition keeps what goes on at the place.
func openPartition(ctx context.Context, tx pgx.Tx, fingerprint string, number int, at follow.Place) error {
	var parcels, next int64
	err := tx.QueryRow(ctx, `SELECT parcels, next_offset FROM stream_intake WHERE fingerprint = $1 AND number = $2 FOR UPDATE`,
		fingerprint, number).Scan(&parcels, &next)
	if err == nil && parcels > at.Taken {
		err = tx.QueryRow(ctx, `SELECT from_offset FROM stream_parcel WHERE fingerprint = $1 AND number = $2 AND parcel = $3`,
			fingerprint, number, at.Taken+1).Scan(&next)
	}
	switch {
	case err == nil && parcels >= at.Taken && next == at.Next:
		return nil
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM stream_parcel WHERE fingerprint = $1 AND number = $2`, fingerprint, number); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO stream_intake (fingerprint, number, token, reader, next_offset, end_offset, parcels)
		VALUES ($1, $2, nextval('stream_claim'), '', $3, $3, $4)
		ON CONFLICT (fingerprint, number) DO UPDATE SET token = excluded.token, reader = '', since = clock_timestamp(),
			next_offset = excluded.next_offset, end_offset = excluded.end_offset, parcels = excluded.parcels`,
		fingerprint, number, at.Next, at.Taken)
	return err
}

// ClaimIntake implements [follow.Intake].
func (l *Ledger) ClaimIntake(ctx context.Context, fingerprint, reader string, partitions []int) ([]follow.Claim, error) {
	var claims []follow.Claim
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		// Locked in one order, so that two members do not wait for each other.
		rows, err := tx.Query(ctx, `
			WITH locked AS MATERIALIZED (
				SELECT number FROM stream_intake WHERE fingerprint = $1 AND number = ANY ($2) ORDER BY number FOR UPDATE
			)
			UPDATE stream_intake i SET token = nextval('stream_claim'), reader = $3, since = clock_timestamp()
			FROM locked WHERE i.fingerprint = $1 AND i.number = locked.number
			RETURNING i.number, i.token, i.next_offset`, fingerprint, partitions, reader)
		if err != nil {
			return err
		}
		claims, err = pgx.CollectRows(rows, pgx.RowToStructByPos[follow.Claim])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming partitions of the stream: %w", err)
	}
	return claims, nil
}

// KeepsIntake implements [follow.Intake].
func (l *Ledger) KeepsIntake(ctx context.Context, fingerprint string, claims []follow.Claim) error {
	var numbers []int
	var tokens []int64
	for _, c := range claims {
		numbers, tokens = append(numbers, c.Partition), append(tokens, c.Token)
	}
	var kept int
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `
			SELECT count(*) FROM stream_intake JOIN unnest($2::integer[], $3::bigint[]) AS c (number, token) USING (number, token) WHERE fingerprint = $1`,
			fingerprint, numbers, tokens).Scan(&kept)
	})
	if err == nil && kept < len(claims) {
		err = lease.ErrFenced
	}
	if err != nil {
		return fmt.Errorf("reading the claims of the stream: %w", err)
	}
	return nil
}

// AddParcel implements [follow.Intake].
func (l *Ledger) AddParcel(ctx context.Context, fingerprint string, c follow.Claim, p follow.Parcel) error {
	err := l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		var waiting, number int64
		err := tx.QueryRow(ctx, `
			SELECT coalesce(sum(i.parcels - coalesce(s.taken, 0)), 0)::bigint
			FROM stream_intake i LEFT JOIN stream_partition s USING (fingerprint, number) WHERE fingerprint = $1`, fingerprint).Scan(&waiting)
		if err != nil {
			return err
		}
		if waiting >= follow.MaxParcels {
			return follow.ErrFull
		}
		err = tx.QueryRow(ctx, `
			UPDATE stream_intake SET next_offset = $5, end_offset = $6, parcels = parcels + 1
			WHERE fingerprint = $1 AND number = $2 AND token = $3 AND next_offset = $4 RETURNING parcels`,
			fingerprint, p.Partition, c.Token, p.From, p.Next, p.End).Scan(&number)
		if errors.Is(err, pgx.ErrNoRows) {
			return lease.ErrFenced
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO stream_parcel (fingerprint, number, parcel, from_offset, next_offset, content) VALUES ($1, $2, $3, $4, $5, $6)`,
			fingerprint, p.Partition, number, p.From, p.Next, p.Content)
		return err
	})
	if err != nil {
		return fmt.Errorf("adding to the intake of the stream: %w", err)
	}
	return nil
}

// TakeParcels implements [follow.Intake].
func (l *Ledger) TakeParcels(ctx context.Context, fingerprint string, after map[int]int64) ([]follow.Parcel, error) {
	var numbers []int
	var taken []int64
	for _, number := range slices.Sorted(maps.Keys(after)) {
		numbers, taken = append(numbers, number), append(taken, after[number])
	}
	var parcels []follow.Parcel
	err := l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		if err := dropTaken(ctx, tx, fingerprint); err != nil {
			return err
		}
		var open int
		err := tx.QueryRow(ctx, `SELECT count(*) FROM stream_intake WHERE fingerprint = $1 AND number = ANY ($2)`, fingerprint, numbers).Scan(&open)
		if err != nil {
			return err
		}
		if open < len(numbers) {
			return follow.ErrLost
		}
		rows, err := tx.Query(ctx, `
			SELECT p.number, p.parcel, p.from_offset, p.next_offset, i.end_offset, p.content
			FROM stream_parcel p JOIN stream_intake i USING (fingerprint, number)
				JOIN unnest($2::integer[], $3::bigint[]) AS a (number, taken) USING (number)
			WHERE fingerprint = $1 AND p.parcel > a.taken ORDER BY p.mark LIMIT $4`, fingerprint, numbers, taken, takeAtOnce)
		if err != nil {
			return err
		}
		parcels, err = pgx.CollectRows(rows, pgx.RowToStructByPos[follow.Parcel])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the intake of the stream: %w", err)
	}
	return parcels, nil
}

// dropTaken deletes what the follower has matched and committed.
func dropTaken(ctx context.Context, tx pgx.Tx, fingerprint string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM stream_parcel p USING stream_partition s
		WHERE p.fingerprint = $1 AND s.fingerprint = $1 AND s.number = p.number AND p.parcel <= s.taken`, fingerprint)
	return err
}

// StreamReaders returns who reads which partition, in the order of partitions; nothing without a group.
func (l *Ledger) StreamReaders(ctx context.Context, fingerprint string) ([]board.Reader, error) {
	var found []board.Reader
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT i.number, i.reader, i.parcels - coalesce(s.taken, 0)
			FROM stream_intake i LEFT JOIN stream_partition s USING (fingerprint, number) WHERE fingerprint = $1 ORDER BY 1`, fingerprint)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[board.Reader])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading who reads the stream: %w", err)
	}
	return found, nil
}
