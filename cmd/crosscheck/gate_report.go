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

// writeReport writes the page to a second file and renames it, so that nobody opens an incomplete page.
func (g *gateCommand) writeReport(ctx context.Context, l *ledger.Ledger, c *config.Config, d gate.Decision, e gate.Evidence) error {
	known, err := board.GatherReport(ctx, l, c.Gate.Criteria.SampleBound, d, e)
	if err != nil {
		return err
	}
	if g.NoValues || !c.Web.ShowValues {
		known = known.WithoutValues(c.Gate)
	}
	r := web.NewReport(known)
	r.Version, r.Revision, r.System = version, revision(), systemOf(c)
	r.Compared, r.BlindSpots = comparedBy(c), blindSpots(c)
	if err := replaceFile(g.Report, func(w io.Writer) error { return web.WriteReport(w, r) }); err != nil {
		return withHint(fmt.Errorf("writing the report %s: %w", g.Report, withoutPath(err)), "the folder must exist and be writable")
	}
	return nil
}

// withoutPath returns an error without the name of the temporary file, which the user does not know.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// replaceFile replaces the file with the output of write, as a whole or not at all.
func replaceFile(file string, write func(io.Writer) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	err = write(temporary)
	if err == nil {
		err = temporary.Chmod(0o644) // the report is made to be passed on
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
