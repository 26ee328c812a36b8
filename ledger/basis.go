package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// KnowBasis remembers in this process what a fingerprint is made of.
func (l *Ledger) KnowBasis(b gate.Basis) { l.bases.Store(b.Fingerprint, b.Parts) }

// StoreBasis stores what a fingerprint is made of, once. This process knows it even if it cannot be stored.
func (l *Ledger) StoreBasis(ctx context.Context, b gate.Basis) error {
	l.KnowBasis(b)
	if _, stored := l.stored.Load(b.Fingerprint); stored {
		return nil
	}
	parts, err := json.Marshal(b.Parts)
	if err != nil {
		return fmt.Errorf("storing what the fingerprint is made of: %w", err)
	}
	err = l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO basis (fingerprint, parts) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING`, b.Fingerprint, string(parts))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing what the fingerprint is made of: %w", err)
	}
	l.stored.Store(b.Fingerprint, true)
	return nil
}

// Basis is what a fingerprint is made of; without parts if that is not known.
func (l *Ledger) Basis(ctx context.Context, fingerprint string) (gate.Basis, error) {
	b := gate.Basis{Fingerprint: fingerprint}
	err := l.read(ctx, l.timeout, func(ctx context.Context) (err error) {
		b.Parts, err = l.parts(ctx, l.pool, fingerprint)
		return err
	})
	if err != nil {
		return b, fmt.Errorf("reading what a fingerprint is made of: %w", err)
	}
	return b, nil
}

// Changes says in words what differs between two fingerprints; empty if that is not known.
func (l *Ledger) Changes(ctx context.Context, old, now string) (said string, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		said, err = l.changes(ctx, l.pool, old, now)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading what has changed: %w", err)
	}
	return said, nil
}

func (l *Ledger) changes(ctx context.Context, q rowQuerier, old, now string) (string, error) {
	before, err := l.parts(ctx, q, old)
	if err != nil {
		return "", err
	}
	after, err := l.parts(ctx, q, now)
	return gate.Changes(before, after), err
}

// rowQuerier is a pool or a transaction.
type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// parts returns nothing if it is not known what the fingerprint is made of.
func (l *Ledger) parts(ctx context.Context, q rowQuerier, fingerprint string) (parts []gate.Part, err error) {
	if known, ok := l.bases.Load(fingerprint); ok {
		return known.([]gate.Part), nil //nolint:forcetypeassert // only a basis is stored there
	}
	var text string
	err = q.QueryRow(ctx, `SELECT parts::text FROM basis WHERE fingerprint = $1`, fingerprint).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parts, json.Unmarshal([]byte(text), &parts)
}

// changed says what has changed since the newest finished pass under another fingerprint.
func (l *Ledger) changed(ctx context.Context, q rowQuerier, fingerprint string) (string, error) {
	var old string
	err := q.QueryRow(ctx, `
		SELECT fingerprint FROM pass
		WHERE pair = $1 AND kind IN ($2, $3) AND fingerprint <> $4 AND state = 'done' AND token > 0 ORDER BY id DESC LIMIT 1`,
		l.pair, verify.Full, verify.Sample, fingerprint).Scan(&old)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return l.changes(ctx, q, old, fingerprint)
}
