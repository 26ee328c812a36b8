package eventlog

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
)

// Known implements [backfill.Store].
func (l *Log) Known(ctx context.Context, keys []order.Key) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	// The payload is sent as it is: what is no JSON is no reason to stop.
	of, args := l.ofKeys(keys)
	args = append([]any{pgx.QueryResultFormats{pgtype.TextFormatCode}}, args...)
	rows, err := l.pool.Query(ctx, "SELECT ("+l.config.ReadPayload+") FROM "+l.config.ReadTable+" AS t WHERE "+of, args...)
	if err != nil {
		return nil, fmt.Errorf("reading what was backfilled: %w", err)
	}
	defer rows.Close()
	known := map[string]bool{}
	for rows.Next() {
		var payload pgtype.DriverBytes
		if rows.FieldDescriptions()[0].DataTypeOID == pgtype.ByteaOID {
			err = rows.Scan(&payload)
		} else {
			payload = rows.RawValues()[0]
		}
		if err != nil {
			return nil, fmt.Errorf("reading what was backfilled: %w", err)
		}
		var of struct {
			Backfill struct {
				ID string `json:"id"`
			} `json:"_backfill"`
		}
		if json.Unmarshal(payload, &of) == nil && of.Backfill.ID != "" {
			known[of.Backfill.ID] = true
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading what was backfilled: %w", err)
	}
	return known, nil
}
