package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrPooled is returned by every call if a pooler drops the settings with which a session of the ledger begins. The
// ledger changes no setting in such a session, because the next client may get it.
var ErrPooled = errors.New("a pooler in front of the ledger drops the settings of the session")

// Pooled returns true for ErrPooled, and for the error of a pooler that refuses those settings.
func Pooled(err error) bool {
	if errors.Is(err, ErrPooled) {
		return true
	}
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == protocolViolation && strings.Contains(refused.Message, "startup parameter")
}

const settingsSQL = `SELECT pg_catalog.current_setting('search_path'),
	(extract(epoch FROM pg_catalog.current_setting('lock_timeout')::interval) * 1000)::bigint::text`

// ownSession proves that the settings of the startup packet have arrived. Poolers pass on a few settings that they
// know; these two are not among them.
func ownSession(schema string) func(context.Context, *pgconn.PgConn) error {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		results, err := conn.Exec(ctx, settingsSQL).ReadAll()
		if err != nil {
			return fmt.Errorf("proving the session's settings: %w", err)
		}
		if row := results[0].Rows[0]; string(row[0]) != searchPath(schema) || string(row[1]) != milliseconds(lockTimeout) {
			return ErrPooled
		}
		return convertMultibyte(ctx, conn)
	}
}

// convertMultibyte has the server convert where its encoding does not take all bytes.
func convertMultibyte(ctx context.Context, conn *pgconn.PgConn) error {
	if !converts(conn) {
		return nil
	}
	if err := conn.Exec(ctx, "SET client_encoding = 'UTF8'").Close(); err != nil {
		return fmt.Errorf("setting the encoding: %w", err)
	}
	return nil
}
