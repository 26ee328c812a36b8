package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// plainLog prints what happens during a one-off command as sentences for people: "crosscheck: warning: text (name: value)".
type plainLog struct {
	to    io.Writer
	level slog.Level
	attrs []slog.Attr
	one   sync.Mutex
}

// Enabled implements [slog.Handler].
func (l *plainLog) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

// Handle implements [slog.Handler].
func (l *plainLog) Handle(_ context.Context, r slog.Record) error {
	var details []string
	detail := func(a slog.Attr) bool {
		details = append(details, a.Key+": "+a.Value.String())
		return true
	}
	for _, a := range l.attrs {
		detail(a)
	}
	r.Attrs(detail)
	text := r.Message
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	word := map[slog.Level]string{slog.LevelWarn: "warning: ", slog.LevelError: "error: "}[r.Level]
	l.one.Lock()
	defer l.one.Unlock()
	_, err := fmt.Fprintf(l.to, "crosscheck: %s%s\n", word, printable(text))
	return err
}

// WithAttrs implements [slog.Handler].
func (l *plainLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &plainLog{to: l.to, level: l.level, attrs: append(slices.Clip(l.attrs), attrs...)}
}

// WithGroup implements [slog.Handler]. Nothing here uses groups.
func (l *plainLog) WithGroup(string) slog.Handler { return l }
