// Package kafkatest gives tests a real Apache Kafka: one server per test process, started by the first test that asks.
//
// Invariant: the server ends with the process. With CI=true, no test that needs Kafka is skipped.
package kafkatest

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/nordvarg/crosscheck/lab/child/childtest"
	"github.com/nordvarg/crosscheck/lab/kafkaserver"
)

var one = childtest.One[*kafkaserver.Server]{
	Name: "kafkatest",
	Start: func(ctx context.Context) (*kafkaserver.Server, error) {
		return kafkaserver.Start(ctx, kafkaserver.Options{})
	},
}

// Main is called by a package's TestMain. It runs the tests, stops the server, and fails the run if a goroutine was
// left behind.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that does more. It returns the exit code instead of ending the process.
func Run(m *testing.M) int { return one.Run(m) }

// Stop stops the server if a test has started it, for a TestMain with more servers than this.
func Stop() error { return one.Stop() }

// Server returns the test process's server. The first call starts it. Without Kafka it skips the test, or fails it on
// CI.
func Server(t testing.TB) *kafkaserver.Server {
	t.Helper()
	s, err := one.Get()
	started(t, err)
	return s
}

// Own starts a server that is the test's own, for a test that restarts it. Without Kafka it is as Server.
func Own(t testing.TB) *kafkaserver.Server {
	t.Helper()
	s, err := kafkaserver.Start(t.Context(), kafkaserver.Options{})
	started(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func started(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, kafkaserver.ErrNoKafka) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatalf("starting Apache Kafka: %v", err)
	}
}
