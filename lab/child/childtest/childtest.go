// Package childtest gives the tests of a process one server.
//
// Invariant: it is started by the first test that asks, and is gone when the process is.
package childtest

import (
	"context"
	"fmt"
	"os"
	"sync"

	"go.uber.org/goleak"
)

// One is a server of the whole test process. Its methods are safe for concurrent use.
type One[S interface{ Stop() error }] struct {
	// Name begins the lines about it on standard error.
	Name  string
	Start func(context.Context) (S, error)

	mu      sync.Mutex
	server  S
	running bool
}

// Get returns the server, which starts with the first call that does not fail.
func (o *One[S]) Get() (S, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running {
		return o.server, nil
	}
	server, err := o.Start(context.Background())
	if err == nil {
		o.server, o.running = server, true
	}
	return server, err
}

// Run is what a package's TestMain calls, and exits with: it runs the tests (a testing.M, or one that does more), stops
// the server, and fails the run if a goroutine was left behind.
func (o *One[S]) Run(m interface{ Run() int }) int {
	code := m.Run()
	if err := o.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", o.Name, err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", o.Name, err)
			code = 1
		}
	}
	return code
}

// Stop stops the server, if a test has asked for it. Only who does not leave that to Run calls it, when all tests have ended.
func (o *One[S]) Stop() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.running {
		return nil
	}
	return o.server.Stop()
}
