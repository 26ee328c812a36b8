package verify

import (
	"context"
	"fmt"
)

// atOnce is how many suspects are stored or settled at once. While they are, as many others are read.
const atOnce = 2500

// aside is what a pass stores while it reads on, one thing at a time.
type aside struct{ done chan error }

// start waits for the end of what is being stored, and returns its error. Otherwise it starts the next.
func (a *aside) start(store func() error) error {
	if err := a.wait(); err != nil {
		return err
	}
	done := make(chan error, 1)
	a.done = done
	go func() { done <- store() }()
	return nil
}

// wait waits until nothing is being stored.
func (a *aside) wait() error {
	if a.done == nil {
		return nil
	}
	err := <-a.done
	a.done = nil
	return err
}

// store stores pending suspects. So memory stays bounded, and a killed process loses at most two batches of a pass that does
// not count.
func (p *pass) store(ctx context.Context) error {
	if err := p.aside.wait(); err != nil || len(p.pending) == 0 {
		return err
	}
	p.pending, p.written = p.written[:0], p.pending
	return p.aside.start(func() error {
		if err := p.c.Ledger.AddSuspects(ctx, p.lease, p.id, p.written); err != nil {
			return fmt.Errorf("storing suspects: %w", err)
		}
		return nil
	})
}

// flush stores all pending suspects, and waits for it.
func (p *pass) flush(ctx context.Context) error {
	if err := p.store(ctx); err != nil {
		return err
	}
	return p.aside.wait()
}
