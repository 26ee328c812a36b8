package lab

import "context"

// task owns one goroutine. The zero value is a task that does not run.
type task struct {
	cancel context.CancelFunc // nil while not running
	done   chan error         // gets the result, once
}

func (t *task) start(ctx context.Context, run func(context.Context) error) {
	if t.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	t.cancel, t.done = cancel, done
	go func() { done <- run(ctx) }()
}

// stop ends the task and waits for it.
func (t *task) stop() error {
	if t.cancel == nil {
		return nil
	}
	t.cancel()
	t.cancel = nil
	return <-t.done
}
