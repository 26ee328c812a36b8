package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// copyPrimary fills the data folder with a base backup of a running server, so that this one becomes its physical standby.
func (s *Server) copyPrimary(ctx context.Context) (err error) {
	conn, err := pgconn.Connect(ctx, s.primary.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("connecting to the primary: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	start, stop := "SELECT pg_backup_start('standby', true)", "SELECT labelfile FROM pg_backup_stop(false)"
	var version int
	if _, err := fmt.Sscan(strings.ReplaceAll(conn.ParameterStatus("server_version"), ".", " "), &version); err != nil {
		return fmt.Errorf("reading the primary's version: %w", err)
	}
	if version < 15 {
		start, stop = "SELECT pg_start_backup('standby', true, false)", "SELECT labelfile FROM pg_stop_backup(false, false)"
	}
	// A checkpoint of others may remove what the standby still has to read. The slot ends with the primary.
	slot := s.slot()
	if _, err := conn.Exec(ctx, "SELECT pg_create_physical_replication_slot('"+slot+"', true); "+start).ReadAll(); err != nil {
		return fmt.Errorf("beginning a backup of the primary: %w", err)
	}
	if err := s.copyFiles(s.primary.data); err != nil {
		return fmt.Errorf("copying the primary: %w", err)
	}
	label, err := conn.Exec(ctx, stop).ReadAll()
	if err != nil {
		return fmt.Errorf("ending a backup of the primary: %w", err)
	}
	follow := fmt.Sprintf("primary_conninfo = 'host=127.0.0.1 port=%d user=%s'\nprimary_slot_name = '%s'\n", s.primary.port, superuser, slot)
	for name, content := range map[string][]byte{"backup_label": label[0].Rows[0][0], "standby.signal": nil, "postgresql.auto.conf": []byte(follow)} {
		if err := s.write(name, content); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) slot() string {
	return "standby_" + strings.TrimPrefix(filepath.Base(s.run), "crosscheck-pg-")
}

// Forget drops the slot of a standby that was stopped, so that the primary keeps nothing for it.
func (s *Server) Forget(ctx context.Context) (err error) {
	if s.primary == nil {
		return ErrNoStandby
	}
	conn, err := pgconn.Connect(ctx, s.primary.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("connecting to the primary: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	const drop = `DO $$ BEGIN
		FOR i IN 1..200 LOOP -- the server may need a moment to see that the standby has gone
			EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '%[1]s' AND active);
			PERFORM pg_sleep(0.05);
		END LOOP;
		PERFORM pg_drop_replication_slot('%[1]s');
	END $$`
	if _, err := conn.Exec(ctx, fmt.Sprintf(drop, s.slot())).ReadAll(); err != nil {
		return fmt.Errorf("dropping the slot of a standby: %w", err)
	}
	return nil
}

// Succeed makes a standby the primary, at the address of the one before, which is shut down first and stays down: it sends its last word, so
// nothing that was committed is lost.
func (s *Server) Succeed(ctx context.Context) error {
	if s.primary == nil {
		return ErrNoStandby
	}
	if err := s.primary.Down(); err != nil {
		return fmt.Errorf("shutting the primary down: %w", err)
	}
	if err := s.Down(); err != nil {
		return fmt.Errorf("shutting the standby down: %w", err)
	}
	if err := os.Remove(filepath.Join(s.data, "standby.signal")); err != nil {
		return fmt.Errorf("promoting the standby: %w", err)
	}
	if err := os.Truncate(filepath.Join(s.data, "postgresql.auto.conf"), 0); err != nil {
		return fmt.Errorf("promoting the standby: %w", err)
	}
	s.port, s.primary = s.primary.port, nil
	return s.Restart(ctx)
}

// copyFiles copies a data folder that is in use. A file that vanishes meanwhile is not needed.
func (s *Server) copyFiles(from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(from, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || relErr != nil:
			return errors.Join(err, relErr)
		case name == "." || name == "postmaster.pid" || name == "postmaster.opts":
			return nil
		case entry.IsDir():
			to := filepath.Join(s.data, name)
			return errors.Join(os.Mkdir(to, 0o700), s.account.own(to))
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return errors.Join(err, s.write(name, content))
	})
}

// write writes a file of the data folder.
func (s *Server) write(name string, content []byte) error {
	to := filepath.Join(s.data, name)
	if err := os.WriteFile(to, content, 0o600); err != nil {
		return err
	}
	return s.account.own(to)
}
