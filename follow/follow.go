// Package follow reads the stream and matches every message with the event store, in both directions. It also reads the
// messages of one order.
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
// # How missing events are found
//
// Positions are divided into buckets of bucketWidth. An event that was seen on the stream sets its bit in its bucket. A
// bucket is checked up to a position when three conditions hold: the events up to it cannot become more and are older
// than the settle window; the stream has shown later events that long ago; and everything that was on the stream at
// that time has been read. Then the bucket's bits are compared with the number of its stored events and the sum of
// their positions. If they are equal, nothing is missing and the bucket is closed. Only if they differ, the positions
// are read. So memory is one bit for each event that is not yet proven, however large the backlog is.
//
// # How late events are found
//
// The ledger keeps the content of closed buckets. They are counted again in turn, and a bucket that the store has
// changed is opened. A message with something new for a closed bucket opens it too. An event that is missing where
// everything had been counted gets the same time as any event, from when it was noticed. Only then it is reported as
// lost.
type Follower struct {
	Stream Stream
	Store  EventStore
	Ledger Ledger
	// Intake has what the members of a group have read, and is followed in place of the topic; nil without a group.
	Intake Intake
	// Legacy knows which orders were archived; may be nil.
	Legacy Legacy
	// Topic names the topic in findings without an order.
	Topic       string
	Fingerprint string
	Rules       *order.Rules
	// KeyType is the type of the store's keys. A message may have a key that is not of this type.
	KeyType order.KeyType
	// IDType is the type of the store's ids, by which messages are matched; empty if they are matched by positions.
	IDType order.KeyType
	// Window is how old an event, or a message without an event, must be before it counts.
	Window time.Duration
	// MaxLag is how long an event may be missing while the stream shows no event that was stored later, because a
	// publisher that is down has lost nothing yet. Zero, or less than the window, means the window.
	MaxLag time.Duration
	// Every is the time between two ticks, at which due work is done; zero means a second.
	Every time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

const (
	// commitMessages and commitFindings are how much one commit may hold before it is made without waiting for a tick.
	commitMessages = 20_000
	commitFindings = 2000
	// maxBehind is how many messages a partition may be behind if its orders are to be marked as changed.
	maxBehind = 20_000
	// maxUnmatched is how many messages without an event may wait. With more, nothing is read until some are judged, so
	// that memory and ledger stay bounded if the store is far behind the stream.
	maxUnmatched = 100_000
	// maxLookups is how many batches are looked up in the store, or wait for loop, at the same time. It limits queries
	// and memory for any number of partitions, and leaves the store's other connections to the passes.
	maxLookups = 2
	// unmatchedBatch is how many are judged at once.
	unmatchedBatch = 1000

	defaultEvery = time.Second
)

// errStopped is why following ends if the reader ends without an error.
var errStopped = errors.New("the follower has stopped")

// Run follows until ctx ends or something fails. Another call goes on from the last commit. All goroutines of Run have
// ended when it returns.
func (f *Follower) Run(ctx context.Context, l lease.Lease) error {
	w, err := f.load(ctx, l)
	if err != nil {
		return err
	}
	batches := make(chan readBatch) // not buffered, so that messages wait at the broker
	lookups := make(chan struct{}, maxLookups)
	g, ctx := errgroup.WithContext(ctx)
	from, places := w.offsets(), w.places()
	g.Go(func() error {
		if f.Intake != nil {
			return f.take(ctx, l, places, batches)
		}
		err := f.Stream.Read(ctx, Range{From: from}, func(ctx context.Context, b Batch) error {
			return f.deliver(ctx, b, lookups, batches)
		})
		if err == nil {
			err = errStopped
		}
		return err
	})
	topic := w.state.Topic
	g.Go(func() error { return w.loop(ctx, batches) })
	g.Go(func() error { return f.whileSame(ctx, topic) })
	return g.Wait()
}

// readBatch is a batch whose messages were read and compared with the store.
type readBatch struct {
	Batch
	arrivals []arrival
	number   int64 // of its parcel; 0 if it was read from the topic
}

// deliver looks a batch up in the store while the loop takes others. If an event becomes visible in between, it is
// found when its message, which has no event then, is looked at again.
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
	case batches <- readBatch{Batch: b, arrivals: arrivals}:
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
	if err := w.identify(ctx, partitions); err != nil {
		return nil, err
	}
	if len(state.Partitions) > 0 {
		return w, nil // a partition that was added since then begins at 0
	}
	for _, p := range partitions {
		s := newPartition()
		s.Next, s.End, s.Backlog, s.Cut = p.First, p.End, p.End, p.First > 0
		if s.Cut && p.End == p.First {
			// Everything was deleted: all events that are stored now may have been published here.
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

// work is a running follower. Only the goroutine of loop uses it.
type work struct {
	*Follower
	lease   lease.Lease
	state   State
	waiting int64 // unmatched messages in the ledger that are not judged yet
	recent  lastMessages
	unsure  unsureOrder
	routing routing
	// toldOutside is true once it was said that messages outside of the slice are passed over.
	toldOutside bool

	step     step
	progress progress
	stored   stored
	recounts recounts
}

// step is the result of messages and checks since the last commit.
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

// progress is how far the stream has come. A missing event may be reported as lost only after the stream has gone on.
type progress struct {
	newest    order.Position // the highest of the stored events that were seen on the stream
	advancing bool           // something was seen since the last tick
	advanced  time.Time      // the last tick at which that was so
	judging   time.Time      // everything that was published by then has been read
}

// stored is what the event store has answered.
type stored struct {
	horizons []pastHorizon           // captured, not yet old enough; oldest first
	check    *check                  // waits for the reader to catch up; nil if none is due
	visible  map[int64]PositionCount // by bucket, what was counted when horizons were cleared
	counted  order.Position          // up to here; NoPosition before the first
}

// recounts are the buckets below the frontier that are counted again.
type recounts struct {
	again    map[int64]bool         // open buckets in which something was seen since they were counted
	late     map[int64]*lateEvents  // by bucket
	looked   map[int64]bool         // buckets whose missing events this process has named: what waits is not stored
	loaded   map[int64]ClosedBucket // of closed buckets that were loaded from the ledger; without bits if nothing is kept
	rotation int64                  // the open bucket that was last counted again
	near     int64                  // the next closed bucket to count again, among the newest ones
	far      int64                  // the same among all buckets
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
			again: map[int64]bool{}, late: map[int64]*lateEvents{}, looked: map[int64]bool{}, loaded: map[int64]ClosedBucket{}, rotation: math.MinInt64,
		},
	}
	if state.claims() && state.Frontier > bucketOf(state.From) { // buckets are closed if everything stored was seen
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
	tick := time.NewTicker(w.pause(defaultEvery))
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

// pause returns a time that is as much shorter as ticks are.
func (f *Follower) pause(d time.Duration) time.Duration {
	if f.Every == 0 {
		return d
	}
	return time.Duration(float64(d) * f.Every.Seconds() / defaultEvery.Seconds())
}

// tick does what is due: unmatched messages, and missing events. It ends with a commit, so that a message is committed
// at the next tick at the latest.
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
