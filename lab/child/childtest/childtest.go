// Package childtest gives the tests of a process one server.
//
// Invariant: the first test that asks starts it, and it ends with the process.
package childtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"

	"go.uber.org/goleak"
)

// One is one server for the whole test process. Its methods are safe for concurrent use.
type One[S interface{ Stop() error }] struct {
	// Name begins the lines about the server on standard error.
	Name  string
	Start func(context.Context) (S, error)

	mu      sync.Mutex
	server  S
	running bool
}

// Get returns the server. The first successful call starts it.
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

// Run is called by a package's TestMain, which exits with its result. It runs the tests, stops the server, and fails
// the run if a goroutine was left behind, but for those of a library that are left out. The tests are a testing.M, or a type that does more.
func (o *One[S]) Run(m interface{ Run() int }, leaveOut ...goleak.Option) int {
	code := m.Run()
	if err := o.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", o.Name, err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(leaveOut...); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", o.Name, err)
			code = 1
		}
	}
	return code
}

// Stop stops the server if a test has started it. Call it after all tests, and only if Run does not.
func (o *One[S]) Stop() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.running {
		return nil
	}
	return o.server.Stop()
}

// Waiting lets at least so many tests of a process run side by side, for a TestMain whose tests wait most of the time. What
// -parallel says is read later and wins.
func Waiting(tests int) {
	if err := flag.Set("test.parallel", strconv.Itoa(max(tests, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
}
