package ledger

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
)

// ErrNotGo is returned by [Ledger.Approve] if the newest decision on record is not GO.
var ErrNotGo = errors.New("the newest decision on record is not GO")

// ErrOtherDecision is returned by [Ledger.Approve] if the newest decision on record is not the one that somebody has seen.
var ErrOtherDecision = errors.New("another decision is on record since")

// approved is the answer of a link that approves a decision, and is none itself.
const approved = "APPROVAL"

// Approve appends to the chain that somebody approves the newest decision, which must be GO, and a configuration of the cutover. Of what is given it
// takes Who, OSUser, Ticket, Cutover and Until; and Decision, if only that one may be approved.
func (l *Ledger) Approve(ctx context.Context, given gate.Approval) (a gate.Approval, err error) {
	err = l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockChain(ctx, tx, l.schema); err != nil {
			return err
		}
		decided, err := newestLink(ctx, tx, "answer <> '"+approved+"'")
		switch {
		case err != nil:
			return err
		case given.Decision != 0 && given.Decision != decided.seq:
			return fmt.Errorf("%w: decision %d, %s, and decision %d was to be approved", ErrOtherDecision, decided.seq, decided.answer, given.Decision)
		case decided.answer != string(gate.Go):
			return ErrNotGo
		}
		newest, err := newestLink(ctx, tx, "true")
		if err != nil {
			return err
		}
		var at time.Time
		if err := tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&at); err != nil {
			return err
		}
		a = gate.Approval{
			Seq: newest.seq + 1, Decision: decided.seq, Who: storable(given.Who), OSUser: storable(given.OSUser), Ticket: storable(given.Ticket),
			Fingerprint: decided.fingerprint, Cutover: given.Cutover, At: micro(at), Until: micro(given.Until),
		}
		text, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("encoding the approval: %w", err)
		}
		k := link{
			seq: a.Seq, at: a.At, who: a.Who, fingerprint: a.Fingerprint, answer: approved, evidence: string(text), decision: "{}", prev: newest.hash,
		}
		k.hash = k.sum()
		a.Hash = hex.EncodeToString(k.hash)
		return insertLink(ctx, tx, k)
	})
	if err != nil {
		return gate.Approval{}, fmt.Errorf("recording an approval: %w", err)
	}
	return a, nil
}

// Approval is the newest one; zero if there is none.
func (l *Ledger) Approval(ctx context.Context) (a gate.Approval, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		var text string
		var hash []byte
		err := l.pool.QueryRow(ctx, `SELECT evidence, hash FROM decision WHERE answer = $1 ORDER BY seq DESC LIMIT 1`, approved).Scan(&text, &hash)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			return fmt.Errorf("decoding an approval: %w", err)
		}
		a.Hash = hex.EncodeToString(hash)
		return nil
	})
	if err != nil {
		return gate.Approval{}, fmt.Errorf("reading the newest approval: %w", err)
	}
	return a, nil
}
