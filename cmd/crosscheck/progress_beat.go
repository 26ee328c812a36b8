package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
)

// A server says nothing about how far a scan is before the scan ends. A table is read in chunks of its file, so there is
// progress to show; a view or a query is read in one statement.

// keepSaying says that a pass goes on while nothing else is shown, until the returned function is called. before is how long
// the last such pass took, 0 if there was none.
func (p *progress) keepSaying(before time.Duration) (stop func()) {
	ticker := time.NewTicker(time.Second)
	ended, done := make(chan struct{}), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(done)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case at := <-ticker.C:
				p.goesOn(at, at.Sub(began), before)
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// goesOn says how long a pass has run, if nothing was shown for a while.
func (p *progress) goesOn(now time.Time, took, before time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.lastShown) < quietFor || p.bar != nil || p.last.Total > 0 { // a settle window also has a total
		return
	}
	p.lastShown, p.lastLine = now, now
	text := "still reading, " + human.Duration(took.Round(time.Second)) + " so far; a view or a query tells nothing before its end"
	if before > 0 {
		text += "; the last such pass took " + human.Duration(before)
	}
	_, _ = fmt.Fprintf(p.above(), "crosscheck: %s\n", text)
}

// tookBefore is how long the last pass of a kind took that compared the same to its end; 0 if there is none.
func tookBefore(ctx context.Context, l *ledger.Ledger, kind verify.PassKind, fingerprint string, log *slog.Logger) time.Duration {
	passes, err := l.ListPasses(ctx, board.PassFilter{Kind: kind}, 20)
	if err != nil { // the pass itself will say so
		log.DebugContext(ctx, "the passes before are not known", slog.Any("error", err))
		return 0
	}
	for _, earlier := range passes {
		if earlier.Fingerprint == fingerprint && !earlier.FinishedAt.IsZero() && earlier.Scan.Coverage == 1 {
			return earlier.FinishedAt.Sub(earlier.StartedAt)
		}
	}
	return 0
}
