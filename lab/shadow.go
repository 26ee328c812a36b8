package lab

import (
	"context"
	"sync"
)

// shadow is the shadow write: it stores the event and then publishes it. It tries each step until it succeeds. It
// returns the event's position; 0 while the shadow writer is stopped.
func (d *Desk) shadow(ctx context.Context, e event) (int64, error) {
	if d.held.keep(e) {
		return 0, nil
	}
	return d.shadowNow(ctx, e)
}

func (d *Desk) shadowNow(ctx context.Context, e event) (int64, error) {
	id, err := d.append(ctx, e)
	if err != nil {
		return 0, err
	}
	return id, d.publish(ctx, id, e)
}

// held are the events that came while the shadow writer was stopped. The zero value stops nothing.
type held struct {
	mu      sync.Mutex
	stopped bool
	events  []event // oldest first
}

func (h *held) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
}

func (h *held) isStopped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopped
}

// keep reports whether the writer is stopped. If it is, the event is kept.
func (h *held) keep(e event) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		h.events = append(h.events, e)
	}
	return h.stopped
}

// resume writes the kept events and lets the writer go on. Other writers wait for it, so that each order's events stay
// in order.
func (h *held) resume(ctx context.Context, write func(context.Context, event) (int64, error)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.events) > 0 {
		if _, err := write(ctx, h.events[0]); err != nil {
			return err
		}
		h.events = h.events[1:]
	}
	h.stopped, h.events = false, nil
	return nil
}
