package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/gate"
)

// flipEvery is how often the sidecar checks whether the decision has changed.
const flipEvery = time.Minute

// Flips records the decision whenever it has changed.
type Flips struct {
	Sources Sources
	// Record stores a decision if it differs from the newest recorded one, and reports whether it did.
	Record func(ctx context.Context, who string, d gate.Decision, e gate.Evidence) (gate.Record, bool, error)
	Who    string
	Log    *slog.Logger
	// Wait returns early with the context's error.
	Wait func(context.Context, time.Duration) error
}

// Run works until ctx ends. It logs errors and tries again. A flip that was missed is found a minute later, unless the
// decision has changed back.
func (f Flips) Run(ctx context.Context) error {
	for {
		if err := f.once(ctx); err != nil && ctx.Err() == nil {
			f.Log.WarnContext(ctx, "the decision could not be recorded", slog.String("error", err.Error()))
		}
		if f.Wait(ctx, flipEvery) != nil {
			return nil
		}
	}
}

func (f Flips) once(ctx context.Context) error {
	fingerprint, err := f.Sources.Identify(ctx)
	if err != nil {
		return fmt.Errorf("identifying the databases: %w", err)
	}
	d, evidence, err := f.Sources.Judge(ctx, fingerprint)
	if err != nil {
		return err
	}
	r, recorded, err := f.Record(ctx, f.Who, d, evidence)
	if errors.Is(err, ErrNotMigrated) {
		return nil
	}
	if recorded {
		f.Log.InfoContext(ctx, "the decision has changed", slog.String("decision", string(d.Decision)), slog.Int64("seq", r.Seq), slog.String("head", r.Hash))
	}
	return err
}
