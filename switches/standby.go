package switches

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// LogEnd is SQL for the number of bytes in the log of a primary: up to the end of its last record. Where that fills a page, the server's own answer is
// behind the header of the next page, and no standby gets there before something else is written.
const LogEnd = `(SELECT at - CASE WHEN at % pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) = 40 THEN 40
		WHEN at % pg_catalog.current_setting('wal_block_size')::bigint = 24 THEN 24 ELSE 0 END
	FROM pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0') AS at)`

// Place is how far a server has come: a primary with writing its log, a standby with replaying that of its primary.
type Place struct {
	System  string   // names a primary and all of its standbys
	Log     *big.Int // bytes
	Standby bool
}

// PlaceOf asks a server. A primary says how far its log is, a standby how much of it can be read there.
func PlaceOf(ctx context.Context, dsn string) (p Place, err error) {
	var log string
	err = one(ctx, dsn, `SELECT system_identifier::text, pg_catalog.pg_is_in_recovery(), CASE WHEN pg_catalog.pg_is_in_recovery()
			THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0') ELSE `+LogEnd+` END::text
		FROM pg_catalog.pg_control_system()`, []any{&p.System, &p.Standby, &log})
	if err != nil {
		return p, fmt.Errorf("asking how far the log is: %w", err)
	}
	var ok bool
	if p.Log, ok = new(big.Int).SetString(log, 10); !ok {
		return p, fmt.Errorf("%q is no place in a log", log)
	}
	return p, nil
}

// ErrNoStandby is returned for a server that is no standby of those that it should follow.
var ErrNoStandby = errors.New("is no standby of the new side")

// Lacks says what a standby has not replayed of what its primary had at a place; empty if it has all.
func Lacks(ctx context.Context, standby string, of []Place) (string, error) {
	now, err := PlaceOf(ctx, standby)
	if err != nil {
		return "", err
	}
	if !now.Standby {
		return "", fmt.Errorf("%w: it takes writes itself", ErrNoStandby)
	}
	for _, p := range of {
		if p.System != now.System {
			continue
		}
		if rest := new(big.Int).Sub(p.Log, now.Log); rest.Sign() > 0 {
			return rest.String() + " bytes of the log", nil
		}
		return "", nil
	}
	return "", fmt.Errorf("%w: its system is %s, and not one of %s", ErrNoStandby, now.System, strings.Join(systems(of), ", "))
}

func systems(of []Place) (all []string) {
	for _, p := range of {
		all = append(all, p.System)
	}
	return all
}
