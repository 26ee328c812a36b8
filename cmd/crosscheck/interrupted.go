package main

import (
	"context"
	"errors"
	"fmt"
)

// interrupted is true if an error comes from Ctrl-C or SIGTERM.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// sayStopped says in one line that a command was stopped. Nothing is proven then.
func (p *program) sayStopped() int {
	_, _ = fmt.Fprintln(p.stderr, "crosscheck: stopped before the end")
	return exitUnverified
}
