// Package prober measures what clients see of a cutover: writers and readers ask the trading system all the time, and keep what they were
// answered.
//
// Invariant: it believes nobody. What was written, lost or written twice is read from the answers alone.
package prober

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// The deeds of a client.
const (
	Write = "write"
	Read  = "read"
)

// Register is what a client writes and reads. Each write is of a new number, and says which one the side had before. A register has one
// writer, and readers at the same time.
type Register interface {
	Swap(ctx context.Context, n int64) (before int64, side string, err error)
	Read(ctx context.Context) (n int64, side string, err error)
}

// Entry is one request and its answer.
type Entry struct {
	Register int    `json:"register"`
	Did      string `json:"did"`
	// Began and Ended are since the prober began.
	Began time.Duration `json:"began_ns"`
	Ended time.Duration `json:"ended_ns"`
	// N is the number that was written, or read. Before is the one that a write has replaced.
	N      int64  `json:"n"`
	Before int64  `json:"before,omitempty"`
	Side   string `json:"side"`
	// Error leaves open what became of a write.
	Error string `json:"error,omitempty"`
}

// Options are how a prober asks.
type Options struct {
	// Every is the time between two writes, and between two reads, of all registers together.
	Every time.Duration
	// Patience is how long a request may take.
	Patience time.Duration
	// History gets each entry as a line of JSON.
	History io.Writer
}

// prober is a running one.
type prober struct {
	Options

	began time.Time

	mu      sync.Mutex
	entries []Entry
	failed  error // the first error of writing the history
}

// Run asks until the context ends, and returns all answers in the order in which they came. Each register must have the number 1.
func Run(ctx context.Context, o Options, registers []Register) ([]Entry, error) {
	p := &prober{Options: o, began: time.Now()}
	every := o.Every * time.Duration(len(registers))
	var running sync.WaitGroup
	for i, r := range registers {
		lead := o.Every * time.Duration(i)
		running.Go(func() { p.each(ctx, lead, every, p.writer(i, r)) })
		running.Go(func() { p.each(ctx, lead, every, p.reader(i, r)) })
	}
	running.Wait()
	return p.entries, p.failed
}

// each asks again and again. A slow answer delays the next request, and a request that was begun is waited for.
func (p *prober) each(ctx context.Context, lead, every time.Duration, ask func(context.Context) Entry) {
	timer := time.NewTimer(lead)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		began := time.Now()
		limited, stop := context.WithTimeout(context.WithoutCancel(ctx), p.Patience)
		e := ask(limited)
		stop()
		e.Began, e.Ended = began.Sub(p.began), time.Since(p.began)
		p.keep(e)
		timer.Reset(max(0, every-time.Since(began)))
	}
}

func (p *prober) writer(i int, r Register) func(context.Context) Entry {
	n := int64(1)
	return func(ctx context.Context) Entry {
		n++
		before, side, err := r.Swap(ctx, n)
		return entry(Entry{Register: i, Did: Write, N: n, Before: before, Side: side}, err)
	}
}

func (p *prober) reader(i int, r Register) func(context.Context) Entry {
	return func(ctx context.Context) Entry {
		n, side, err := r.Read(ctx)
		return entry(Entry{Register: i, Did: Read, N: n, Side: side}, err)
	}
}

func entry(e Entry, err error) Entry {
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

func (p *prober) keep(e Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = append(p.entries, e)
	if p.History == nil || p.failed != nil {
		return
	}
	if err := json.NewEncoder(p.History).Encode(e); err != nil {
		p.failed = fmt.Errorf("writing the history: %w", err)
	}
}
