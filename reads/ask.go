package reads

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	// inFlight is how many questions of a pass are open at once.
	inFlight = 4
	// mostFailures is after how many failures in a row a query is not asked any more.
	mostFailures = 20
	// mostSuspects is how many questions may wait for another look; each keeps its answers.
	mostSuspects = 1000
	// listed is how many differing answers of a query are kept.
	listed = 50
)

// Question is a query with its parameters.
type Question struct {
	Query  int
	Params []string
	At     time.Time // when a recorded question was asked
}

// asking is one round of questions, with what became of them.
type asking struct {
	*Reads

	mu        sync.Mutex // guards all below
	facts     verify.ReadsFacts
	latencies []latencies
	failures  []int // in a row, by query
	listed    []int // differing answers, by query
	suspects  []suspect
	suspected int64
	asked     int64
}

// suspect is a question whose answers differed.
type suspect struct {
	Question

	last      look
	witnessed []Answer // of legacy, since the first look
	attempts  int
	due       time.Time
}

// look is what both sides have answered at about the same time.
type look struct {
	legacy, again, projection Answer
	differ                    []Difference // nil if they agree
	err                       error
}

func (r *Reads) begin(questions []Question) *asking {
	a := &asking{Reads: r, facts: verify.ReadsFacts{Basis: r.Basis}, failures: make([]int, len(r.Queries)), listed: make([]int, len(r.Queries))}
	for _, q := range r.Queries {
		a.facts.Queries = append(a.facts.Queries, verify.ReadQuery{Name: q.Name})
		a.latencies = append(a.latencies, newLatencies())
	}
	for _, q := range questions {
		a.facts.Queries[q.Query].Questions++
	}
	return a
}

// done returns the facts. What was not reached was not asked.
func (a *asking) done() verify.ReadsFacts {
	for i := range a.facts.Queries {
		q := &a.facts.Queries[i]
		a.latencies[i].fill(q)
		q.Unasked = q.Questions - q.Agreed - q.Differing - q.Moving - q.Failed
	}
	slices.SortStableFunc(a.facts.Differences, func(x, y verify.ReadAnswer) int {
		return cmp.Or(cmp.Compare(x.Query, y.Query), cmp.Compare(x.Key, y.Key))
	})
	return a.facts
}

// all asks all questions once, and looks again at those whose answers differ. The pause is called before each question.
func (a *asking) all(ctx context.Context, questions []Question, most int, pause func(context.Context, int) error) error {
	if err := a.warmUp(ctx, questions); err != nil {
		return err
	}
	err := a.each(ctx, len(questions), most, pause, func(ctx context.Context, i int, legacyFirst bool) {
		a.first(ctx, questions[i], legacyFirst, len(questions))
	})
	if err != nil {
		return err
	}
	return a.settle(ctx, most)
}

// warmUp asks each query once, so that opening connections is in no latency.
func (a *asking) warmUp(ctx context.Context, questions []Question) error {
	warm := map[int]bool{}
	for _, q := range questions {
		if !warm[q.Query] {
			warm[q.Query] = true
			a.look(ctx, q, true, false)
		}
	}
	return ctx.Err()
}

// paced is a pause that keeps the rate.
func (a *asking) paced(ctx context.Context, _ int) error {
	return a.Wait(ctx, time.Second/time.Duration(a.Rate))
}

// each asks n questions, some of them at once. Which side of one is asked first is decided by chance.
func (a *asking) each(ctx context.Context, n, most int, pause func(context.Context, int) error, ask func(context.Context, int, bool)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(most)
	for i := range n {
		if err := pause(ctx, i); err != nil {
			_ = g.Wait() // they end with ctx
			return err
		}
		legacyFirst := a.Random.Uint64()&1 == 0
		g.Go(func() error { ask(ctx, i, legacyFirst); return ctx.Err() })
	}
	return g.Wait()
}

// first asks a question for the first time, and measures.
func (a *asking) first(ctx context.Context, q Question, legacyFirst bool, total int) {
	a.mu.Lock()
	skip := a.failures[q.Query] >= mostFailures || len(a.suspects) >= mostSuspects
	if skip && len(a.suspects) >= mostSuspects && a.facts.Queries[q.Query].Failure == "" {
		a.facts.Queries[q.Query].Failure = fmt.Sprintf("not asked, because %d answers differ already", mostSuspects)
	}
	a.mu.Unlock()
	if skip {
		return
	}
	is := a.look(ctx, q, legacyFirst, true)
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if a.asked++; a.Progress != nil {
		a.Progress(verify.Progress{Stage: "reads", Done: a.asked, Total: int64(total)})
	}
	of := &a.facts.Queries[q.Query]
	if is.err != nil {
		a.failed(of, q, is.err)
		return
	}
	a.failures[q.Query] = 0
	a.latencies[q.Query].add(is.legacy.Took, is.projection.Took)
	of.Twice++
	if a.Queries[q.Query].Rules.Compare(is.legacy, is.again) != nil {
		of.Noise++
	}
	if is.differ == nil {
		of.Agreed++
		return
	}
	a.suspected++
	a.suspects = append(a.suspects, suspect{Question: q, last: is, witnessed: []Answer{is.legacy, is.again}, due: a.Now().Add(a.Settle.Window)})
}

func (a *asking) failed(of *verify.ReadQuery, q Question, err error) {
	of.Failed++
	a.failures[q.Query]++
	if of.Failure == "" {
		of.Failure = strings.Join(strings.Fields(err.Error()), " ")
	}
}

// look asks both sides at once, and then legacy a second time.
func (a *asking) look(ctx context.Context, q Question, legacyFirst, measured bool) (is look) {
	ctx, cancel := context.WithTimeout(ctx, 2*a.Timeout)
	defer cancel()
	query := a.Queries[q.Query]
	var errs [2]error
	sides := [2]func(){
		func() { is.legacy, errs[0] = a.side(ctx, query.Legacy, q.Params, order.Legacy) },
		func() { is.projection, errs[1] = a.side(ctx, query.Projection, q.Params, order.Projection) },
	}
	if !legacyFirst {
		sides[0], sides[1] = sides[1], sides[0]
	}
	var both sync.WaitGroup
	both.Go(sides[0])
	both.Go(sides[1])
	both.Wait()
	for _, is.err = range errs {
		if is.err != nil {
			return is
		}
	}
	if measured && a.Observe != nil {
		a.Observe(order.Legacy, query.Name, is.legacy.Took)
		a.Observe(order.Projection, query.Name, is.projection.Took)
	}
	if is.again, is.err = a.side(ctx, query.Legacy, q.Params, order.Legacy); is.err != nil {
		return is
	}
	if is.differ = query.Rules.Compare(is.legacy, is.projection); is.differ != nil && query.Rules.Compare(is.again, is.projection) == nil {
		is.differ = nil // legacy moved between its two answers
	}
	return is
}

func (a *asking) side(ctx context.Context, of Asker, params []string, side order.Representation) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	answer, err := of.Ask(ctx, params)
	if err != nil {
		err = fmt.Errorf("asking %s: %w", side, err)
	}
	return answer, err
}
