package ledger

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
)

// Decided is a decision as it stands in the chain, with the approvals of it.
type Decided struct {
	gate.Record
	At        time.Time       `json:"at"`
	Prev      string          `json:"prev"` // the hash before it
	Decision  json.RawMessage `json:"decision"`
	Evidence  json.RawMessage `json:"evidence"`
	Approvals []gate.Approval `json:"approvals"`
}

// Decided is the newest decision GO until a time, and who approved it until then; nil if there is none.
func (l *Ledger) Decided(ctx context.Context, until time.Time) (d *Decided, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			WITH go AS (SELECT max(seq) AS seq FROM decision WHERE answer = $1 AND at <= $3)
			SELECT `+linkColumns+` FROM decision
			WHERE seq = (SELECT seq FROM go) OR answer = $2 AND at <= $3 AND seq > (SELECT seq FROM go) ORDER BY seq`,
			string(gate.Go), approved, until)
		if err != nil {
			return err
		}
		links, err := pgx.CollectRows(rows, scanLink)
		for i, k := range links {
			hash := hex.EncodeToString(k.hash)
			if i == 0 {
				d = &Decided{
					Record: gate.Record{Seq: k.seq, Who: k.who, Hash: hash}, At: k.at.UTC(), Prev: hex.EncodeToString(k.prev),
					Decision: json.RawMessage(k.decision), Evidence: json.RawMessage(k.evidence), Approvals: []gate.Approval{},
				}
				continue
			}
			var a gate.Approval
			if err := json.Unmarshal([]byte(k.evidence), &a); err != nil {
				return fmt.Errorf("decoding an approval: %w", err)
			}
			if a.Hash = hash; a.Decision == d.Seq {
				d.Approvals = append(d.Approvals, a)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what was decided: %w", err)
	}
	return d, nil
}
