package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/eventlog"
	"github.com/nordvarg/crosscheck/metrics"
)

// slotsTimeout leaves most of the time of a scrape to the ledger.
const slotsTimeout = time.Second

// openSlots returns nil unless backfills are allowed, whose WAL could cost a consumer its slot.
func openSlots(ctx context.Context, c *config.Config) (*eventlog.Slots, error) {
	if !c.Backfill.Enabled {
		return nil, nil
	}
	return eventlog.OpenSlots(ctx, c.Backfill.DSN.Reveal())
}

// slotMetrics returns nothing if the server does not say.
func (s *sidecar) slotMetrics(ctx context.Context) (out []metrics.Slot) {
	if s.slots == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, slotsTimeout)
	defer cancel()
	list, err := s.slots.Read(ctx)
	if err != nil {
		s.log.DebugContext(ctx, "the replication slots cannot be read", slog.String("error", err.Error()))
	}
	for _, slot := range list {
		out = append(out, metrics.Slot{Name: slot.Name, Status: slot.Status, Safe: slot.Safe})
	}
	return out
}
