package runtest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lease"
)

// Store is what the suite needs: a journal, and the leases under which it is written.
type Store interface {
	lease.Store
	run.Journal
}

// Exercise checks a store against the contract of [run.Journal]. open returns an empty store.
func Exercise(t *testing.T, open func(t *testing.T) Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"records come back as they were written", comesBack},
		{"a record is stored once", storedOnce},
		{"a number has one intent and one outcome", oneOfEach},
		{"an old epoch writes nothing", oldEpoch},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

const job = "cutover"

func acquire(t *testing.T, s Store) lease.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), job, "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func intent(name string, seq int) cutover.Record {
	return cutover.Record{Run: name, Seq: seq, Action: cutover.Action{Verb: cutover.Do, Step: cutover.Preflight, Slice: "ACME"}}
}

func outcome(name string, seq int, o cutover.Outcome) cutover.Record {
	r := intent(name, seq)
	r.Outcome = o
	return r
}

// store writes under a lease, and returns the record as it has to come back.
func store(t *testing.T, s Store, l lease.Lease, r cutover.Record) cutover.Record {
	t.Helper()
	at, err := s.Append(t.Context(), l, r)
	if err != nil {
		t.Fatal(err)
	}
	r.Epoch, r.At = l.Token, at
	return r
}

func want(t *testing.T, s Store, runs ...[]cutover.Record) {
	t.Helper()
	got, err := s.Runs(t.Context())
	if err != nil || len(got) != len(runs) || len(runs) > 0 && !reflect.DeepEqual(got, runs) {
		t.Errorf("the journals are\n%+v, %v, and not\n%+v", got, err, runs)
	}
}

func comesBack(t *testing.T, s Store) {
	want(t, s)
	l := acquire(t, s)
	full := outcome("b", 0, cutover.Failed)
	full.Positions, full.Detail = map[string]string{"events": "17", "orders/3": "0/16B3748"}, "order 4711: it's “different”\n"
	first := []cutover.Record{store(t, s, l, intent("b", 0)), store(t, s, l, full)}
	second := []cutover.Record{store(t, s, l, cutover.Record{Run: "a"})} // of a run that has ended, the action is empty
	first = append(first, store(t, s, l, intent("b", 1)))
	want(t, s, first, second)
	if first[1].At.Before(first[0].At) {
		t.Errorf("%s is before %s", first[1].At, first[0].At)
	}
}

func storedOnce(t *testing.T, s Store) {
	l := acquire(t, s)
	written := []cutover.Record{store(t, s, l, intent("r", 0)), store(t, s, l, outcome("r", 0, cutover.Done))}
	for _, r := range written {
		if again := store(t, s, l, r); again.At != r.At {
			t.Errorf("again at %s, and not at %s", again.At, r.At)
		}
	}
	want(t, s, written)
}

func oneOfEach(t *testing.T, s Store) {
	l := acquire(t, s)
	written := []cutover.Record{store(t, s, l, intent("r", 0)), store(t, s, l, outcome("r", 0, cutover.Done))}
	other := intent("r", 0)
	other.Action.Step = cutover.Hold
	slice := intent("r", 0)
	slice.Action.Slice = ""
	for _, r := range []cutover.Record{other, slice, outcome("r", 0, cutover.Failed)} {
		if _, err := s.Append(t.Context(), l, r); !errors.Is(err, cutover.ErrJournal) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	want(t, s, written)
}

func oldEpoch(t *testing.T, s Store) {
	old := acquire(t, s)
	written := []cutover.Record{store(t, s, old, intent("r", 0))}
	refused := func(when string) {
		t.Helper()
		for _, r := range []cutover.Record{intent("r", 0), outcome("r", 0, cutover.Done), intent("s", 0)} {
			if _, err := s.Append(t.Context(), old, r); !errors.Is(err, lease.ErrFenced) {
				t.Errorf("%s: %+v: %v", when, r, err)
			}
		}
		want(t, s, written)
	}
	if err := s.Release(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	refused("before anybody has taken over")
	now := acquire(t, s)
	refused("after somebody has")
	written = append(written, store(t, s, now, outcome("r", 0, cutover.Takeover)))
	want(t, s, written)
	if _, err := s.Append(t.Context(), now, intent("r", 0)); !errors.Is(err, cutover.ErrJournal) {
		t.Errorf("the intent of another epoch, once more: %v", err)
	}
}
