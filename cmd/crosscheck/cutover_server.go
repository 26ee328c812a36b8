package main

import (
	"context"
	"fmt"

	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// fencedHere says why the table that is read as legacy is not the one at which the fence is; empty if it is.
func fencedHere(ctx context.Context, f *fence.Fence, legacy *source.Side, table string) (at evidence.Moment, why string, err error) {
	if at, err = legacy.Moment(ctx); err != nil {
		return at, "", err
	}
	state, err := f.State(ctx)
	switch {
	case err != nil:
		return at, "", fmt.Errorf("reading the state of the fence: %w", err)
	case at.Standby:
		return at, "legacy.dsn leads to a standby, and a cutover reads the primary", nil
	case at.Database != state.Server.Database || at.System != "" && at.System != state.Server.System:
		return at, "cutover.fence.dsn and legacy.dsn lead to different databases", nil
	}
	covers, err := f.Covers(ctx, table)
	if err == nil && !covers {
		why = fmt.Sprintf("cutover.fence.tables does not have %s, which is read as legacy", table)
	}
	return at, why, err
}
