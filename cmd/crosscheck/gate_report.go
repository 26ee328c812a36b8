package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/web"
)

// writeReport writes the page beside the file and renames it, so that nobody ever opens half of one.
func writeReport(ctx context.Context, file string, l *ledger.Ledger, c *config.Config, d gate.Decision, e gate.Evidence) error {
	known, err := board.GatherReport(ctx, l, c.Gate.Criteria.SampleBound, d, e)
	if err != nil {
		return err
	}
	r := web.NewReport(known)
	r.Version, r.Revision, r.Limits = version, revision(), reportLimits(c)
	if err := replaceFile(file, func(w io.Writer) error { return web.WriteReport(w, r) }); err != nil {
		return withHint(fmt.Errorf("writing the report %s: %w", file, withoutPath(err)), "the folder must exist and be writable")
	}
	return nil
}

// withoutPath is what went wrong with a file whose name nobody has given.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// replaceFile puts what write writes in the place of the file, whole or not at all.
func replaceFile(file string, write func(io.Writer) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	err = write(temporary)
	if err == nil {
		err = temporary.Chmod(0o644) // it is made to be handed round
	}
	if err == nil {
		err = temporary.Sync()
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// reportLimits is what this configuration leaves out of sight, beside what no configuration shows.
func reportLimits(c *config.Config) []string {
	var limits []string
	if !c.Events.Given() {
		limits = append(limits, "No event store is configured: nothing is known about the events, only about what the projection made of them.")
	}
	if unjudged := comparedFields(c).Unjudged(); unjudged != "" {
		limits = append(limits, unjudged+" A value that is wrong in the same way on both sides is not seen there.")
	}
	limits = append(limits, fmt.Sprintf("Only the %d mapped fields are compared; a difference in any other column is not seen.", len(c.Compare.Fields)))
	for _, f := range c.Compare.Fields {
		if f.Tolerance != nil && !f.Tolerance.IsZero() {
			limits = append(limits, fmt.Sprintf("Field %s has a tolerance of %s: a drift below that is not seen.", f.Name, f.Tolerance))
		}
	}
	return limits
}
