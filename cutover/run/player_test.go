package run_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/run/runtest"
	"github.com/nordvarg/crosscheck/lease"
)

// step is one of a path that the search has found, in cutover/testdata/paths.json.
type step struct {
	World, Action string
	Outcome       cutover.Outcome
	Really        string
}

const (
	name = "orders-2026"
	job  = "cutover"
)

var errKilled = errors.New("the process is killed")

// player performs actions in a world: as a path says, and by what the world is like after its end.
type player struct {
	world
	*runtest.Fake
	t       *testing.T
	path    []step
	asks    chan run.Request
	current *run.Coordinator
	process int
	stray   bool // sessions outlive their processes
	state   cutover.State
	budget  cutover.Budget

	records  int // until the process is killed; negative is never
	again    int // the same for the process after it
	before   bool
	dead     bool
	askAt    cutover.Step // where somebody asks for an abort
	repeated int
	loses    bool // the reply of every record's first writing
	during   func(context.Context, run.Attempt) *run.Result
}

func newPlayer(t *testing.T, path []step) *player {
	return &player{t: t, Fake: runtest.New(), path: path, asks: make(chan run.Request, 1), records: -1, again: -1, process: 1, state: cutover.Start(""), budget: cutover.Budget{Total: time.Hour}}
}

// coordinator is another process.
func (p *player) coordinator() *run.Coordinator {
	p.process, p.dead = p.process+1, false
	log := slog.New(slog.DiscardHandler)
	p.current = &run.Coordinator{
		Journal: p, Actions: p, Limit: time.Minute, Hold: time.Hour,
		Lease: lease.Holding{Store: p.Fake, Job: job, Holder: "test", TTL: 30 * time.Second, Log: log},
		Asks:  p.asks, Report: p.report, Now: time.Now, Wait: lease.Sleep, Log: log,
	}
	p.prepare()
	return p.current
}

// play drives the run to its end, with as many processes as it takes.
func (p *player) play() run.Status {
	p.t.Helper()
	status, err := p.alive(func() (run.Status, error) { return p.coordinator().Begin(p.t.Context(), name, "") })
	for tries := 0; !status.State.Ended(); tries++ {
		if !errors.Is(err, lease.ErrFenced) && !errors.Is(err, errKilled) || tries > 50 {
			p.t.Fatalf("%+v, %v", status, err)
		}
		resume := p.coordinator().Resume
		if runs, _ := p.Runs(p.t.Context()); len(runs) == 0 {
			resume = func(ctx context.Context, name string) (run.Status, error) { return p.current.Begin(ctx, name, "") }
		}
		status, err = p.alive(func() (run.Status, error) { return resume(p.t.Context(), name) })
	}
	if err != nil || len(p.path) > 0 {
		p.t.Errorf("%v, and what is left of the path is %v", err, p.path)
	}
	return status
}

// alive turns the end of a killed process into an error.
func (p *player) alive(work func() (run.Status, error)) (status run.Status, err error) {
	defer func() {
		if p.dead {
			err = recover().(error)
		}
	}()
	return work()
}

// Append kills the process before or after a record.
func (p *player) Append(ctx context.Context, l lease.Lease, r cutover.Record) (at time.Time, err error) {
	p.records--
	kill := p.records == -1
	if !kill || !p.before {
		at, err = p.Fake.Append(ctx, l, r)
	}
	if kill {
		p.dead, p.records, p.again = true, p.again, -1
		panic(errKilled)
	}
	if p.loses && err == nil {
		if first := r.Seq*2 + len(r.Outcome); first != p.repeated {
			p.repeated = first
			return at, errors.New("the reply is lost")
		}
	}
	return at, err
}

// report is called between a record and what follows it.
func (p *player) report(s run.Status) {
	p.state = s.State
	p.check("the journal had " + s.Newest.Action.String() + " " + string(s.Newest.Outcome))
	if s.Newest.Outcome != "" {
		p.prepare()
	}
}

func (p *player) check(when string) {
	if broken := p.broken(p.state); broken != "" {
		p.t.Errorf("after %s: %s: %+v, %+v", when, broken, p.world, p.state)
	}
}

// prepare makes happen what comes before the next action.
func (p *player) prepare() {
	p.environment()
	p.current.Budget = p.budget
	if p.askAt != "" && p.state.Phase == cutover.Forward && p.state.Step == p.askAt {
		p.askAt = ""
		p.asks <- run.Request{Asks: cutover.Abort}
	}
	if len(p.path) == 0 {
		return
	}
	switch o := p.path[0].Outcome; o {
	case cutover.Abort, cutover.Reverse:
		p.asks <- run.Request{Asks: o}
	case cutover.NoTime:
		p.current.Budget.Total = -1
	default:
		return
	}
	p.path = p.path[1:]
}

// environment does what the path says of the world.
func (p *player) environment() {
	for ; len(p.path) > 0 && p.path[0].World != ""; p.path = p.path[1:] {
		switch p.path[0].World {
		case "the writer at the new side commits":
			p.accepted = true
		case "the reverse feed brings the write to legacy":
			p.accepted = false
		case "the writer commits, and the shadow write is lost":
			p.lost = true
		}
	}
}

// Perform implements [run.Actions].
func (p *player) Perform(ctx context.Context, a run.Attempt) run.Result {
	if a.Verb == cutover.Evict && p.late != nil {
		if until, told := a.Late[*p.late]; !told || until > p.current.Limit {
			p.t.Errorf("%s may take effect, and only %v is known", p.late, a.Late)
		}
	}
	a.Slice = "" // the world is one slice
	if p.during != nil {
		if r := p.during(ctx, a); r != nil {
			return *r
		}
	}
	p.environment()
	if len(p.path) == 0 || a.Verb == cutover.Evict && p.path[0].Action != a.String() { // an interrupted action is evicted, too
		p.effect(a.Action, p.process)
		p.lateEffect(a.Action)
		return run.Result{Outcome: p.readBack(a.Action, p.process)}
	}
	next := p.path[0]
	p.path = p.path[1:]
	if next.Action != a.String() {
		p.t.Errorf("%s is to be done, and not %s", a.Action, next.Action)
	}
	switch next.Really {
	case "is not read back yet":
		p.effect(a.Action, p.process)
		if p.prepare(); len(p.path) == 0 || p.path[0].Action != next.Action {
			return run.Result{Outcome: cutover.Unknown} // it was interrupted
		}
		return p.Perform(ctx, a)
	case "may have its effect later":
		p.late = &a.Action
	case "had no effect":
	default:
		p.effect(a.Action, p.process)
		p.lateEffect(a.Action)
	}
	switch next.Outcome {
	case cutover.FenceLost:
		p.session = 0
	case cutover.Takeover:
		if err := p.Release(p.t.Context(), lease.Lease{Job: job, Token: a.Epoch}); err != nil {
			p.t.Error(err)
		}
	default:
	}
	return run.Result{Outcome: next.Outcome}
}

// lateEffect comes with the first action for which it was not evicted.
func (p *player) lateEffect(a cutover.Action) {
	p.check(a.String())
	if late := p.late; late != nil {
		p.late = nil
		p.effect(*late, -1)
		p.check("the late " + late.String())
	}
}

// Abandon implements [run.Actions].
func (p *player) Abandon(context.Context) error {
	if p.session == p.process && !p.stray {
		p.session = 0
	}
	return nil
}

func tell(path []step) string {
	var all []string
	for _, s := range path {
		all = append(all, strings.TrimSpace(s.World+s.Action+": "+string(s.Outcome)+" "+s.Really))
	}
	return strings.Join(all, "\n\t")
}
