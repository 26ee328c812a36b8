package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

// large is a system with so many orders, for benchmarks. Filling it takes longer than the tests' deadlines, as does other work on all of them: the
// context is for that.
func large(t testing.TB, orders int, o lab.Options) (*system, context.Context) {
	t.Helper()
	filling, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	t.Cleanup(cancel)
	o.Server, o.History = ownServer(t), lab.History{Orders: int64(orders), Events: true, Seed: 7}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	l, err := lab.Up(filling, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &system{l, t}, filling
}

// wholeNumber reads a variable of the environment.
func wholeNumber(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(otherwise)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
