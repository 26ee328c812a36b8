// Package follow reads the stream and matches every message with the event store, in both directions. It also reads what
// the topic has of one order.
//
// Invariant: offsets, bits and findings are committed together, under the lease. A process that dies skips nothing and
// counts nothing twice.
package follow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Follower reads the stream and matches every message with the event store, in both directions.
//
// # How what is missing is found
//
// Positions are cut into buckets of bucketWidth. An event that was seen on the stream sets its bit in its bucket. Once
// the events up to a position cannot become more and are older than the settle window, the stream has shown later ones
// that long ago, and everything that was on it by then has been read, each bucket's bits are compared with the number of
// its stored events and the sum of their positions: where they are equal nothing is missing and the bucket is closed;
// only where they differ the positions are read. So memory is one bit for each event that is not yet proven, whatever
// the backlog.
//
// # How what comes late is found
//
// What a closed bucket held is kept in the ledger. Closed buckets are counted again in turn, and one that the store has
// changed is opened. So is one of which a message comes that says something new. An event that is missing where everything
// had been counted is called lost only after it had, from when it was noticed, the time that any event has.
type Follower struct {
	Stream Stream
	Store  EventStore
	Ledger Ledger
	// Topic names the topic in findings that are of no single order.
	Topic       string
	Fingerprint string
	Vocabulary  order.Vocabulary
	// KeyType is the type of the store's keys. A message may be of an order that no key of this type can name.
	KeyType order.KeyType
	// Window is how old an event, or a message without an event, must be before it counts.
	Window time.Duration
	// MaxLag is how long an event may be missing while the stream shows nothing that was stored later: a publisher that is
	// down has lost nothing yet. Zero, or less than the window, is the window.
	MaxLag time.Duration
	// Every is the time between two ticks, at which what has become due is looked at; zero is a second.
	Every time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

const (
	// commitMessages and commitFindings are how much one commit carries before it is made without waiting for a tick.
	commitMessages = 20_000
	commitFindings = 2000
	// maxBehind is how many messages a partition may be behind for its orders to be marked as changed.
	maxBehind = 20_000
	// maxUnmatched is how many messages without an event may wait. Beyond it nothing is read until some are judged: memory
	// and ledger stay bounded when the store is far behind the stream.
	maxUnmatched = 100_000
	// maxLookups is how many batches are looked up in the store, or wait for loop, at once: as many queries, and as
	// much memory, however many partitions there are. The store's other connections are left to whoever compares orders.
	maxLookups = 2
	// unmatchedBatch is how many are judged at once.
	unmatchedBatch = 1000

	defaultEvery = time.Second
)

// errStopped is why following ends when the reader ends without an error.
var errStopped = errors.New("the follower has stopped")

// Run follows until ctx ends or something fails: then whoever calls it again goes on where the last commit was. All its
// goroutines have ended when it returns.
func (f *Follower) Run(ctx context.Context, l lease.Lease) error {
	w, err := f.load(ctx, l)
	if err != nil {
		return err
	}
	batches := make(chan readBatch) // not buffered: what waits for the loop waits at the broker
	lookups := make(chan struct{}, maxLookups)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := f.Stream.Read(ctx, Range{From: w.offsets()}, func(ctx context.Context, b Batch) error {
			return f.deliver(ctx, b, lookups, batches)
		})
		if err == nil {
			err = errStopped
		}
		return err
	})
	g.Go(func() error { return w.loop(ctx, batches) })
	return g.Wait()
}

// readBatch is a batch whose messages were read and compared with the store.
type readBatch struct {
	Batch
	arrivals []arrival
}

// deliver looks a batch up in the store while the loop takes others: an event that becomes visible in between is found when
// its message, which then has none, is looked at again.
func (f *Follower) deliver(ctx context.Context, b Batch, lookups chan struct{}, batches chan<- readBatch) error {
	select {
	case lookups <- struct{}{}:
		defer func() { <-lookups }()
	case <-ctx.Done():
		return ctx.Err()
	}
	arrivals, err := f.arrivals(ctx, b.Messages)
	if err != nil {
		return err
	}
	select {
	case batches <- readBatch{b, arrivals}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load reads how far the stream was matched. A topic that was never followed begins at its first retained message.
func (f *Follower) load(ctx context.Context, l lease.Lease) (*work, error) {
	state, err := f.Ledger.LoadStream(ctx, f.Fingerprint)
	if err != nil {
		return nil, fmt.Errorf("reading how far the stream was matched: %w", err)
	}
	partitions, err := f.Stream.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	w := newWork(f, l, state)
	w.routing.count(len(partitions), f.Now())
	if len(state.Partitions) > 0 {
		return w, nil // a partition that was added since begins at 0
	}
	for _, p := range partitions {
		s := newPartition()
		s.Next, s.End, s.Cut = p.First, p.End, p.First > 0
		if s.Cut && p.End == p.First {
			// Everything was deleted: all that is stored by now may have been published here.
			h, err := f.Store.Horizon(ctx)
			if err != nil {
				return nil, err
			}
			s.First = h.Position + 1
		}
		w.state.Partitions[p.Partition] = s
	}
	return w, nil
}

// work is a follower under way. Only the goroutine of loop uses it.
type work struct {
	*Follower
	lease   lease.Lease
	state   State
	waiting int64 // unmatched messages in the ledger that were not judged yet
	recent  lastMessages
	routing routing

	step     step
	progress progress
	stored   stored
	recounts recounts
}

// step is what has come of messages and checks since the last commit.
type step struct {
	commit   Commit
	changed  map[int64]bool // buckets
	messages int
	found    map[foundKey]int
}

func newStep() step {
	return step{
		commit:  Commit{Lost: map[int64][]LostEvent{}, Changed: map[order.Key]bool{}},
		changed: map[int64]bool{}, found: map[foundKey]int{},
	}
}

// progress is how far the stream has come: what is missing may be called lost only once the stream has gone on.
type progress struct {
	newest    order.Position // the highest of the stored events that were seen on the stream
	advancing bool           // something was seen since the last tick
	advanced  time.Time      // the last tick at which that was so
	judging   time.Time      // everything that was published by then has been read
}

// stored is what was asked of the event store.
type stored struct {
	horizons []pastHorizon           // captured, not yet old enough; oldest first
	check    *check                  // waits for the reader to catch up; nil when none is due
	visible  map[int64]PositionCount // by bucket, what was counted when horizons were cleared
	counted  order.Position          // up to here; NoPosition before the first
}

// recounts are the buckets below the frontier that are counted again.
type recounts struct {
	again    map[int64]bool         // open buckets in which something was seen since they were counted
	late     map[int64]*lateEvents  // by bucket
	loaded   map[int64]ClosedBucket // of closed buckets, as far as the ledger was asked; without bits where nothing is kept
	rotation int64                  // the open bucket that was counted again last
	near     int64                  // the closed bucket that is to be counted again next, among the newest ones
	far      int64                  // the same among all
}

func newWork(f *Follower, l lease.Lease, state State) *work {
	if state.Partitions == nil {
		state = newState()
	}
	w := &work{
		Follower: f, lease: l, state: state, step: newStep(),
		progress: progress{newest: order.NoPosition},
		stored:   stored{visible: map[int64]PositionCount{}, counted: order.NoPosition},
		recounts: recounts{
			again: map[int64]bool{}, late: map[int64]*lateEvents{}, loaded: map[int64]ClosedBucket{}, rotation: math.MinInt64,
		},
	}
	if state.claims() && state.Frontier > bucketOf(state.From) { // buckets are closed where everything stored was seen
		w.progress.newest = firstOf(state.Frontier) - 1
	}
	for b, bucket := range state.Buckets {
		w.progress.newest = max(w.progress.newest, bucket.newest(b))
	}
	return w
}

func (w *work) offsets() map[int]int64 {
	from := make(map[int]int64, len(w.state.Partitions))
	for id, p := range w.state.Partitions {
		from[id] = p.Next
	}
	return from
}

// loop takes batches one at a time. At each tick it does what has become due.
func (w *work) loop(ctx context.Context, batches <-chan readBatch) error {
	every := w.Every
	if every == 0 {
		every = defaultEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		in := batches
		if w.waiting+int64(len(w.step.commit.Unmatched)) >= maxUnmatched {
			in = nil
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-in:
			err = w.batch(ctx, b)
			if err == nil && (w.step.messages >= commitMessages || len(w.step.commit.Findings) >= commitFindings) {
				err = w.commit(ctx)
			}
		case <-tick.C:
			err = w.tick(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// tick does what is due: unmatched messages, and what is missing. It ends with a commit, so that no message stays
// uncommitted for longer than the time between two ticks.
func (w *work) tick(ctx context.Context) error {
	if err := w.judgeUnmatched(ctx); err != nil {
		return err
	}
	if err := w.findMissing(ctx); err != nil {
		return err
	}
	return w.commit(ctx)
}

// commit stores the pending step, if there is any.
func (w *work) commit(ctx context.Context) error {
	if !w.dirty() {
		return nil
	}
	c := w.step.commit
	c.Fingerprint, c.At, c.State = w.Fingerprint, w.Now(), w.state
	c.State.Buckets = make(map[int64]*Bucket, len(w.step.changed))
	for b := range w.step.changed {
		c.State.Buckets[b] = w.state.Buckets[b]
	}
	if err := w.Ledger.CommitStream(ctx, w.lease, c); err != nil {
		return fmt.Errorf("storing what the stream showed: %w", err)
	}
	w.step = newStep()
	return nil
}

func (w *work) dirty() bool {
	p := w.step.commit
	return w.step.messages > 0 || len(w.step.changed) > 0 || len(p.Findings) > 0 || len(p.Lost) > 0 || len(p.Unmatched) > 0 ||
		len(p.Matched) > 0 || p.Gaps > 0 || !p.At.IsZero()
}
