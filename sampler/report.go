package sampler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/nordvarg/crosscheck/verify"
)

// complaint logs a repeated error only once, until a call succeeds or fails in another way.
type complaint struct{ last string }

// report logs err; nil ends the complaint. An error because the process is being stopped is not logged.
func (c *complaint) report(ctx context.Context, to *slog.Logger, message string, err error, attrs ...slog.Attr) {
	if err == nil {
		c.last = ""
		return
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	level := slog.LevelError
	if text := message + err.Error(); text == c.last {
		level = slog.LevelDebug
	} else {
		c.last = text
	}
	attrs = append(attrs, slog.String("error", err.Error()))
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", p.stack))
	}
	to.LogAttrs(ctx, level, message, attrs...) //nolint:sloglint // the messages are constants of the callers
}

// panicError is a panic of a pass, with the stack on which it happened.
type panicError struct {
	value any
	stack string
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// protect turns a panic into an error, so that one bad pass does not end the sidecar.
func protect(call func() (verify.Pass, error)) (p verify.Pass, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: string(debug.Stack())}
		}
	}()
	return call()
}
