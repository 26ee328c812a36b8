package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
)

// ErrNoLink is returned by [Ledger.Approved] if the chain has no approval of that hash, or not the decision that it approves.
var ErrNoLink = errors.New("the chain of decisions does not have it, as it was")

// Decided is a decision as it stands in the chain, with one approval of it.
type Decided struct {
	gate.Record
	At       time.Time       `json:"at"`
	Prev     string          `json:"prev"` // the hash before it
	Decision json.RawMessage `json:"decision"`
	Evidence json.RawMessage `json:"evidence"`
	Approval gate.Approval   `json:"approval"`
}

// Approved is the decision that an approval is of. The approval is named by the hash of its link.
func (l *Ledger) Approved(ctx context.Context, approval string) (*Decided, error) {
	d := &Decided{}
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		by, err := l.soundLink(ctx, "answer = $1 AND encode(hash, 'hex') = $2", approved, approval)
		if err != nil {
			return fmt.Errorf("approval %s: %w", approval, err)
		}
		if err := json.Unmarshal([]byte(by.evidence), &d.Approval); err != nil {
			return fmt.Errorf("decoding approval %s: %w", approval, err)
		}
		d.Approval.Hash = approval
		k, err := l.soundLink(ctx, "seq = $1", d.Approval.Decision)
		if err != nil {
			return fmt.Errorf("decision %d: %w", d.Approval.Decision, err)
		}
		d.Record, d.At, d.Prev = gate.Record{Seq: k.seq, Who: k.who, Hash: hex.EncodeToString(k.hash)}, k.at.UTC(), hex.EncodeToString(k.prev)
		d.Decision, d.Evidence = json.RawMessage(k.decision), json.RawMessage(k.evidence)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what was approved: %w", err)
	}
	return d, nil
}

// soundLink returns a link whose hash is that of its content.
func (l *Ledger) soundLink(ctx context.Context, condition string, args ...any) (link, error) {
	rows, err := l.pool.Query(ctx, `SELECT `+linkColumns+` FROM decision WHERE `+condition, args...)
	if err != nil {
		return link{}, err
	}
	k, err := pgx.CollectExactlyOneRow(rows, scanLink)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !bytes.Equal(k.sum(), k.hash) {
		err = ErrNoLink
	}
	return k, err
}
