package evidence

import (
	"context"
	"fmt"
	"strings"
)

// This file is about a reverse feed, which brings to legacy what the new side acknowledges.

// reversed asks whether the feed has brought everything, when nobody writes at the new side any more. A new side that cannot tell what it has stored
// since the barrier, as after a failover, need not: everything is compared. What is not proven lacks, so that the new side is opened again.
func (e *Evidence) reversed(ctx context.Context, stored string, untold error) (bool, string, error) {
	if untold != nil {
		stored = "what the new side has stored since the barrier is not known (" + untold.Error() + ")"
		if err := e.ended(ctx, "the new side", e.New); err != nil {
			return false, "", err
		}
	}
	has, detail, err := e.Reversed(ctx)
	if err != nil {
		return false, "", fmt.Errorf("asking the reverse feed: %w", err)
	}
	if !has {
		return true, stored + ", and it is not proven that the reverse feed has brought all to legacy: " + detail, nil
	}
	return false, stored + ", and the reverse feed has brought all to legacy: " + detail, nil
}

// fed judges a legacy that was written after the fence, where a feed may do so.
func (e *Evidence) fed(ctx context.Context, f Frozen) (string, error) {
	j, err := e.Fed(ctx)
	about := fmt.Sprintf("%d rows of legacy were written after the fence was closed, as a reverse feed does; %s", f.Rows, j.Detail)
	switch {
	case err != nil:
		return "", fmt.Errorf("comparing what the reverse feed has brought: %w", err)
	case j.Diverged:
		return "", no("%s", about)
	case !j.Matches:
		return "", fmt.Errorf("it is not known whether the reverse feed has brought all: %s", j.Detail)
	}
	return about, nil
}

// Stored is what the new side has stored since the barrier, when whoever writes now has ended. Without a position of the barrier nothing was switched.
func (e *Evidence) Stored(ctx context.Context, at map[string]string) (Written, error) {
	if !known(at, newAt) {
		return Written{}, nil
	}
	return e.since(ctx, "the new side", e.New, at, newAt)
}

func (w Written) stored() string {
	return fmt.Sprintf("the new side has stored %d rows since the barrier, of orders such as %s", w.Rows, strings.Join(w.Some, ", "))
}
