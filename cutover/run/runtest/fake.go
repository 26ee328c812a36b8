// Package runtest keeps journals of cutovers in memory for tests, and has the conformance suite of a [run.Journal].
//
// Invariant: the fake behaves as the contract of [run.Journal] says and as the PostgreSQL ledger does. [Exercise] runs
// against both, so that they cannot drift apart.
package runtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/lease/leasetest"
)

// Fake keeps leases and journals in memory. It is safe for concurrent use.
type Fake struct {
	*leasetest.Fake

	mu   sync.Mutex
	runs [][]cutover.Record
}

var _ run.Journal = (*Fake)(nil)

// New makes an empty fake, whose clock is the process's own.
func New() *Fake { return &Fake{Fake: leasetest.New(nil)} }

// Append implements [run.Journal].
func (f *Fake) Append(ctx context.Context, l lease.Lease, r cutover.Record) (time.Time, error) {
	if err := f.Err(ctx); err != nil {
		return time.Time{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.Live(l) {
		return time.Time{}, lease.ErrFenced
	}
	r.Epoch, r.At = l.Token, time.Now().UTC()
	at := slices.IndexFunc(f.runs, func(records []cutover.Record) bool { return records[0].Run == r.Run })
	if at < 0 {
		f.runs = append(f.runs, []cutover.Record{r})
		return r.At, nil
	}
	for _, old := range f.runs[at] {
		if old.Seq != r.Seq || (old.Outcome == "") != (r.Outcome == "") {
			continue
		}
		if old.Epoch != r.Epoch || old.Action != r.Action || old.Outcome != r.Outcome {
			return time.Time{}, cutover.ErrJournal
		}
		return old.At, nil
	}
	f.runs[at] = append(f.runs[at], r)
	return r.At, nil
}

// Runs implements [run.Journal].
func (f *Fake) Runs(ctx context.Context) ([][]cutover.Record, error) {
	if err := f.Err(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([][]cutover.Record, len(f.runs))
	for i, records := range f.runs {
		all[i] = slices.Clone(records)
	}
	return all, nil
}
