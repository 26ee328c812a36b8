package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// settings merges the defaults with what the caller wants.
func settings(o Options) map[string]string {
	m := map[string]string{
		"fsync":                  "off",
		"synchronous_commit":     "off",
		"full_page_writes":       "off",
		"wal_level":              "logical",
		"max_connections":        "400",
		"shared_buffers":         "128MB",
		"listen_addresses":       "127.0.0.1",
		"timezone":               "UTC",
		"log_timezone":           "UTC",
		"log_checkpoints":        "off",
		"logging_collector":      "off",
		"max_wal_size":           "2GB",
		"max_slot_wal_keep_size": "256MB",
		"min_wal_size":           "80MB",
		"client_min_messages":    "warning",
		"autovacuum_naptime":     "10s",
		"max_worker_processes":   "16",

		"max_prepared_transactions": "20",
	}
	if o.SharedBuffers != "" {
		m["shared_buffers"] = o.SharedBuffers
	}
	maps.Copy(m, o.Settings)
	return m
}

// makeFolders creates the temporary folder and the data folder, both readable by the server's account.
func (s *Server) makeFolders(dir string) error {
	run, err := os.MkdirTemp(os.TempDir(), "crosscheck-pg-")
	if err != nil {
		return fmt.Errorf("creating a folder for the server: %w", err)
	}
	s.run = run
	// MkdirTemp creates it with mode 0700, which the server's account cannot enter.
	if err := os.Chmod(run, 0o755); err != nil {
		return fmt.Errorf("opening the server's folder: %w", err)
	}
	s.data = filepath.Join(run, "data")
	if dir != "" {
		if s.data, err = filepath.Abs(dir); err != nil {
			return fmt.Errorf("resolving data directory: %w", err)
		}
	}
	sockets := filepath.Join(run, "s")
	for _, d := range []string{s.data, sockets} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("creating a folder for the server: %w", err)
		}
		if err := s.account.own(d); err != nil {
			return fmt.Errorf("handing a folder to the server's account: %w", err)
		}
	}
	return nil
}

// init creates the database cluster, or copies that of the primary, unless the data folder has one.
func (s *Server) init(ctx context.Context) error {
	_, err := os.Stat(filepath.Join(s.data, "PG_VERSION"))
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the data directory: %w", err)
	}
	if s.primary != nil {
		return s.copyPrimary(ctx)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"),
		"-D", s.data, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.Dir = s.data
	cmd.SysProcAttr = s.account.sysProcAttr()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running initdb: %w: %s", err, out)
	}
	return nil
}

// command returns the server process. It runs in the foreground, so that it is our child and ends with us.
func (s *Server) command() (*exec.Cmd, error) {
	args := []string{
		"-D", s.data, "-p", strconv.Itoa(s.port), "-k", filepath.Join(s.run, "s"),
	}
	for _, k := range slices.Sorted(maps.Keys(s.settings)) {
		args = append(args, "-c", k+"="+s.settings[k])
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the server's log: %w", err)
	}
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...) //nolint:noctx // it lives until Stop, not as long as a context
	cmd.Dir = s.data
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = s.account.sysProcAttr()
	return cmd, nil
}

func (s *Server) cleanUp() error {
	if s.run == "" {
		return nil
	}
	if err := os.RemoveAll(s.run); err != nil {
		return fmt.Errorf("removing the server's folder: %w", err)
	}
	return nil
}
