package ledger

import (
	"context"
	"fmt"
	"time"
)

// Clock is the time by the ledger's database, which all processes that use the ledger have in common. It asks for no table.
func (l *Ledger) Clock(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var now time.Time
	if err := l.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("asking the ledger for the time: %w", err)
	}
	return now.UTC(), nil
}
