package main

import (
	"log/slog"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// loggedEvery is the time between two lines of a sidecar's log about the progress of a pass. Most passes end before the first.
const loggedEvery = time.Minute

// loggedProgress tells the progress of a pass in the log of a sidecar.
type loggedProgress struct {
	kind verify.PassKind
	log  *slog.Logger

	mu             sync.Mutex
	stage          string
	started, since time.Time // of the stage, and of the last line
}

func newLoggedProgress(kind verify.PassKind, log *slog.Logger) *loggedProgress {
	return &loggedProgress{kind: kind, log: log, since: time.Now()}
}

func (p *loggedProgress) show(v verify.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if v.Stage != p.stage {
		p.stage, p.started = v.Stage, now
	}
	if now.Sub(p.since) < loggedEvery {
		return
	}
	p.since = now
	p.log.Info("progress", slog.String("pass", string(p.kind)), slog.String("at", line(v, now.Sub(p.started))))
}
