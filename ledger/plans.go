package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// sharing is how many ranges of a pass that others help to scan are compared, how many are left, and how many processes have
// compared one; NULL for other passes.
const sharing = `CASE WHEN state = 'scanning' AND EXISTS (SELECT FROM pass_plan WHERE pass_id = id) THEN ARRAY[
		(SELECT count(*) FROM pass_range WHERE pass_id = id),
		(SELECT count(*) FROM pass_plan l WHERE pass_id = id AND NOT EXISTS (SELECT FROM pass_range r WHERE r.pass_id = l.pass_id AND r.number = l.number)),
		(SELECT count(DISTINCT worker) FROM pass_range WHERE pass_id = id)] END`

// Plan implements [verify.Plans].
func (l *Ledger) Plan(ctx context.Context, held lease.Lease, id verify.PassID, ranges []verify.Planned) error {
	err := l.writePass(ctx, held, id, exclusive, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		return addPlanned(ctx, tx, id, ranges)
	})
	if err != nil {
		return fmt.Errorf("planning the ranges of pass %d: %w", id, err)
	}
	return nil
}

func addPlanned(ctx context.Context, tx pgx.Tx, id verify.PassID, ranges []verify.Planned) error {
	numbers := make([]int32, len(ranges))
	from, below := make([]string, len(ranges)), make([]string, len(ranges))
	for i, r := range ranges {
		numbers[i], from[i], below[i] = int32(r.Number), string(r.From), string(r.Below)
	}
	_, err := tx.Exec(ctx, `INSERT INTO pass_plan (pass_id, number, from_key, below_key)
		SELECT $1, n, f, b FROM unnest($2::integer[], $3::text[], $4::text[]) AS u(n, f, b)`, id, numbers, from, below)
	return err
}

// Planned implements [verify.Plans].
func (l *Ledger) Planned(ctx context.Context, id verify.PassID) (left []verify.Planned, all int, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT p.number, p.from_key, p.below_key, r.number IS NOT NULL
			FROM pass_plan p LEFT JOIN pass_range r ON r.pass_id = p.pass_id AND r.number = p.number
			WHERE p.pass_id = $1 ORDER BY p.number`, id)
		if err != nil {
			return err
		}
		left, all = nil, 0
		var one verify.Planned
		var compared bool
		_, err = pgx.ForEachRow(rows, []any{&one.Number, &one.From, &one.Below, &compared}, func() error {
			if all++; !compared {
				left = append(left, one)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("reading the planned ranges of pass %d: %w", id, err)
	}
	return left, all, nil
}

// AddPlanned implements [verify.Plans]. The row of the range decides who stores it.
func (l *Ledger) AddPlanned(ctx context.Context, held lease.Lease, id verify.PassID, r verify.Range, suspects []verify.Suspect) (first bool, err error) {
	found, err := marshalText(r.Found)
	if err != nil {
		return false, fmt.Errorf("encoding what was found in a range: %w", err)
	}
	err = l.writePass(ctx, held, id, shared, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		if first, err = asPlanned(ctx, tx, id, verify.Planned{Number: r.Number, KeyRange: r.KeyRange}); err != nil || !first {
			return err
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO pass_range (pass_id, number, from_key, below_key, token, found, worker) VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7)
			ON CONFLICT (pass_id, number) DO NOTHING`, id, r.Number, string(r.From), string(r.Below), held.Token, found, r.Worker)
		if first = tag.RowsAffected() == 1; err != nil || !first {
			return err
		}
		return l.addSuspects(ctx, tx, id, suspects)
	})
	if err != nil {
		return false, fmt.Errorf("storing range %d of pass %d: %w", r.Number, id, err)
	}
	return first, nil
}

// asPlanned locks a planned range, and reports whether it has these ends.
func asPlanned(ctx context.Context, tx pgx.Tx, id verify.PassID, r verify.Planned) (same bool, err error) {
	err = tx.QueryRow(ctx, `SELECT from_key = $3 AND below_key = $4 FROM pass_plan WHERE pass_id = $1 AND number = $2 FOR UPDATE`,
		id, r.Number, string(r.From), string(r.Below)).Scan(&same)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return same, err
}

// Split implements [verify.Plans]. It locks the pass, so that no two new ranges get the same number.
func (l *Ledger) Split(ctx context.Context, held lease.Lease, id verify.PassID, r verify.Planned, at []order.Key) (numbers []int, err error) {
	err = l.writePass(ctx, held, id, exclusive, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		numbers = nil
		if same, err := asPlanned(ctx, tx, id, r); err != nil || !same || len(at) == 0 {
			return err
		}
		var last int
		var compared bool
		err := tx.QueryRow(ctx, `SELECT greatest((SELECT max(number) FROM pass_plan WHERE pass_id = $1), (SELECT max(number) FROM pass_range WHERE pass_id = $1)),
			EXISTS (SELECT FROM pass_range WHERE pass_id = $1 AND number = $2)`, id, r.Number).Scan(&last, &compared)
		if err != nil || compared {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE pass_plan SET below_key = $3 WHERE pass_id = $1 AND number = $2`, id, r.Number, string(at[0])); err != nil {
			return err
		}
		var parts []verify.Planned
		for i, from := range at {
			below := r.Below
			if i+1 < len(at) {
				below = at[i+1]
			}
			numbers = append(numbers, last+1+i)
			parts = append(parts, verify.Planned{Number: last + 1 + i, KeyRange: verify.KeyRange{From: from, Below: below}})
		}
		return addPlanned(ctx, tx, id, parts)
	})
	if err != nil {
		return nil, fmt.Errorf("splitting range %d of pass %d: %w", r.Number, id, err)
	}
	return numbers, nil
}

// Lent implements [verify.Plans].
func (l *Ledger) Lent(ctx context.Context, id verify.PassID) (verify.Pass, lease.Lease, error) {
	var held lease.Lease
	var live bool
	passes, err := l.queryPasses(ctx, `SELECT `+passColumns+` FROM pass WHERE id = $1 AND state = 'scanning' AND ranged`, id)
	if err == nil && len(passes) == 0 {
		err = verify.ErrNotScanning
	}
	if err == nil {
		err = l.read(ctx, l.timeout, func(ctx context.Context) error {
			return l.pool.QueryRow(ctx, `SELECT job, token, NOT `+orphan+` FROM pass p WHERE id = $1`, id).Scan(&held.Job, &held.Token, &live)
		})
	}
	if err == nil && !live {
		err = lease.ErrFenced
	}
	if err != nil {
		return verify.Pass{}, lease.Lease{}, fmt.Errorf("asking for the lease of pass %d: %w", id, err)
	}
	return passes[0], held, nil
}
