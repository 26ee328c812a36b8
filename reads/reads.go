package reads

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Asker asks one side one query. It is safe for concurrent use.
type Asker interface {
	// Ask asks with the parameters of a question; the first is the key of an order. It returns soon after its context has ended.
	Ask(ctx context.Context, params []string) (Answer, error)
}

// Query is asked once of each side.
type Query struct {
	Name               string
	Legacy, Projection Asker
	Rules              Rules
}

// Journal records passes.
type Journal interface {
	Pair() verify.PairID
	BeginPass(context.Context, lease.Lease, verify.Start) (verify.PassID, error)
	ScanDone(context.Context, lease.Lease, verify.PassID, verify.Scan) error
	FinishPass(ctx context.Context, l lease.Lease, id verify.PassID, r verify.Result, at time.Time) error
}

// Reads asks questions. Its fields must not change while it works.
type Reads struct {
	Queries []Query
	// Basis names the queries, as in verify.ReadsFacts.
	Basis string
	// Rate is how many questions are asked in a second, at most. Each asks legacy twice and the projection once.
	Rate int
	// Timeout is how long one answer may take.
	Timeout time.Duration
	Settle  compare.Settle

	// Draw draws orders, and says why there are too few.
	Draw    func(ctx context.Context, size int) (keys []order.Key, refused string, err error)
	Journal Journal
	// Random decides which side is asked first.
	Random interface{ Uint64() uint64 }
	Now    func() time.Time
	Wait   func(context.Context, time.Duration) error
	// Observe is called with the time of each answer; may be nil.
	Observe func(side order.Representation, query string, took time.Duration)
	// Progress is called with the progress; may be nil.
	Progress func(verify.Progress)
	Log      *slog.Logger
}

// finishTimeout limits the write of the result of a pass that is being stopped.
const finishTimeout = 10 * time.Second

// Run makes a pass: it asks all queries about size orders.
func (r *Reads) Run(ctx context.Context, l lease.Lease, s verify.Start, size int) (verify.Pass, error) {
	s.Kind = verify.Reads
	id, err := r.Journal.BeginPass(ctx, l, s)
	if err != nil {
		return verify.Pass{}, fmt.Errorf("beginning a reads pass: %w", err)
	}
	done := verify.Pass{
		ID: id, Pair: r.Journal.Pair(), Kind: s.Kind, State: verify.Scanning, Trigger: s.Trigger, ScheduledAt: s.ScheduledAt,
		Fingerprint: s.Fingerprint, StartedAt: s.At,
	}
	facts, mismatches, err := r.ask(ctx, size, s.Fewer)
	if errors.Is(context.Cause(ctx), lease.ErrFenced) {
		return done, err // it belongs to another process
	}
	done.Result = facts.Result()
	done.Scan = verify.Scan{Compared: facts.Keys, Coverage: facts.Coverage(), Mismatches: mismatches, Facts: facts}
	if err != nil {
		reason := strings.Join(strings.Fields(err.Error()), " ")
		done.Scan.Coverage, done.Scan.Reason = min(done.Scan.Coverage, 0.999999), reason
		if done.Result.Verdict != compare.Diverged {
			done.Result.Verdict, done.Result.Reason = compare.Unverified, reason
		}
	} else if done.Scan.Coverage < 1 {
		done.Scan.Reason = done.Result.Reason
	}
	return r.finish(ctx, l, done, err)
}

// finish stores the pass, also if it is being stopped.
func (r *Reads) finish(ctx context.Context, l lease.Lease, done verify.Pass, cause error) (verify.Pass, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if err := r.Journal.ScanDone(ctx, l, done.ID, done.Scan); err != nil {
		return done, errors.Join(cause, err)
	}
	done.FinishedAt = r.Now()
	if err := r.Journal.FinishPass(ctx, l, done.ID, done.Result, done.FinishedAt); err != nil {
		return done, errors.Join(cause, err)
	}
	done.State = verify.Done
	r.Log.InfoContext(ctx, "pass finished", slog.String("pass", string(done.Kind)), slog.Int64("id", int64(done.ID)),
		slog.String("verdict", string(done.Result.Verdict)), slog.Int64("compared", done.Scan.Compared), slog.Float64("coverage", done.Scan.Coverage),
		slog.Int64("diverged", done.Result.Diverged), slog.Int64("unverified", done.Result.Unverified), slog.Duration("took", done.FinishedAt.Sub(done.StartedAt)))
	return done, cause
}

func (r *Reads) ask(ctx context.Context, size int, fewer bool) (verify.ReadsFacts, int64, error) {
	keys, refused, err := r.Draw(ctx, size)
	if err != nil {
		return verify.ReadsFacts{Basis: r.Basis, Refused: refused}, 0, fmt.Errorf("drawing orders: %w", err)
	}
	var questions []Question
	for _, key := range keys {
		for i := range r.Queries {
			questions = append(questions, Question{Query: i, Params: []string{string(key)}})
		}
	}
	a := r.begin(questions)
	a.facts.Keys, a.facts.Refused, a.facts.Fewer = int64(len(keys)), refused, fewer && len(keys) >= size
	err = a.all(ctx, questions, inFlight, a.paced)
	return a.done(), a.suspected, err
}
