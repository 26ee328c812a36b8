package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/order"
)

// Follower reads the stream and matches every message with the event store, in both directions.
//
// # How what is missing is found
//
// Positions are cut into buckets of bucketWidth. An event that was seen on the stream sets its bit in its bucket. Once
// the events up to a position cannot become more, are older than the settle window, and everything that was on the
// stream by then has been read, each bucket's bits are held against the number of its stored events: where they are
// equal nothing is missing and the bucket is dropped; only where they differ the positions are read. So memory is one
// bit for each event that is not yet proven, whatever the backlog.
//
// Invariant: offsets, bits and findings are committed together, under the lease. A process that dies skips nothing and
// counts nothing twice.
type Follower struct {
	Stream Stream
	Store  StoredEvents
	Ledger StreamLedger
	// Topic names the topic in findings that are of no single order.
	Topic       string
	Fingerprint string
	Vocabulary  order.Vocabulary
	// KeyType is the type of the store's keys. A message may be of an order that no key of this type can name.
	KeyType order.KeyType
	// Window is how old an event, or a message without an event, must be before it counts.
	Window time.Duration
	// Every is the time between two looks at what has become due; zero is a second.
	Every time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

const (
	bucketShift = 12
	bucketWidth = 1 << bucketShift

	// commitMessages and commitFindings are how much one commit carries before it is made without waiting for a look.
	commitMessages = 20_000
	commitFindings = 2000
	// maxBehind is how many messages a partition may be behind for its orders to be marked for a look.
	maxBehind = 20_000
	// maxStrays is how many messages without an event may wait. Beyond it nothing is read until some are judged: memory
	// and ledger stay bounded when the store is far behind the stream.
	maxStrays = 100_000
	// maxLookups is how many batches are looked up in the store, or wait to be folded, at once: as many queries, and as
	// much memory, however many partitions there are. The store's other connections are left to whoever compares orders.
	maxLookups = 2
	// strayBatch is how many are judged at once.
	strayBatch = 1000

	defaultLook = time.Second
)

// errStopped ends the reader when the folding has ended.
var errStopped = errors.New("the follower has stopped")

// Run follows until ctx ends or something fails: then whoever calls it again goes on where the last commit was. All its
// goroutines have ended when it returns.
func (f *Follower) Run(ctx context.Context, l Lease) error {
	w, err := f.load(ctx, l)
	if err != nil {
		return err
	}
	batches := make(chan readBatch) // not buffered: what waits for the folding waits at the broker
	lookups := make(chan struct{}, maxLookups)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := f.Stream.Read(ctx, StreamRange{From: w.offsets()}, func(ctx context.Context, b StreamBatch) error {
			return f.deliver(ctx, b, lookups, batches)
		})
		if err == nil {
			err = errStopped
		}
		return err
	})
	g.Go(func() error { return w.fold(ctx, batches) })
	return g.Wait()
}

// readBatch is a batch whose messages were read and held against the store.
type readBatch struct {
	StreamBatch
	arrivals []arrival
}

// deliver looks a batch up in the store while others are folded: an event that becomes visible in between is found when
// its message, which then has none, is looked at again.
func (f *Follower) deliver(ctx context.Context, b StreamBatch, lookups chan struct{}, batches chan<- readBatch) error {
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
func (f *Follower) load(ctx context.Context, l Lease) (*following, error) {
	state, err := f.Ledger.LoadStream(ctx, f.Fingerprint)
	if err != nil {
		return nil, fmt.Errorf("reading how far the stream was matched: %w", err)
	}
	partitions, err := f.Stream.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	w := newFollowing(f, l, state)
	if len(state.Partitions) > 0 {
		return w, nil // a partition that was added since begins at 0
	}
	for _, p := range partitions {
		s := StreamPartitionState{Next: p.First, End: p.End, Cut: p.First > 0}
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

// following is a follower under way. Only the goroutine that folds touches it.
type following struct {
	*Follower
	lease   Lease
	state   StreamState
	waiting int64 // strays in the ledger

	pending  StreamCommit
	changed  map[int64]bool // buckets since the last commit
	messages int            // since the last commit
	found    map[foundKey]int
	recent   lastMessages

	horizons []horizonAt // captured, not yet old enough; oldest first
	check    *check      // waits for the reader to catch up; nil when none is due
	rotation int64       // the incomplete bucket that was counted again last
}

type horizonAt struct {
	Horizon
	at time.Time
}

// check is a look at everything up to a position, due when the stream was read up to the ends.
type check struct {
	upTo order.Position
	at   time.Time // when the ends were captured
	ends []StreamPartition
}

func newFollowing(f *Follower, l Lease, state StreamState) *following {
	if state.Partitions == nil {
		state.Partitions = map[int]StreamPartitionState{}
	}
	if state.Buckets == nil {
		state.Buckets = map[int64]*StreamBucket{}
	}
	w := &following{Follower: f, lease: l, state: state}
	w.clear()
	return w
}

func (w *following) offsets() map[int]int64 {
	from := make(map[int]int64, len(w.state.Partitions))
	for id, p := range w.state.Partitions {
		from[id] = p.Next
	}
	return from
}

// fold takes batches one at a time, and looks at what has become due in between.
func (w *following) fold(ctx context.Context, batches <-chan readBatch) error {
	every := w.Every
	if every == 0 {
		every = defaultLook
	}
	look := time.NewTicker(every)
	defer look.Stop()
	for {
		in := batches
		if w.waiting+int64(len(w.pending.Strays)) >= maxStrays {
			in = nil
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-in:
			err = w.batch(ctx, b)
			if err == nil && (w.messages >= commitMessages || len(w.pending.Findings) >= commitFindings) {
				err = w.commit(ctx)
			}
		case <-look.C:
			err = w.look(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// look does what is due: strays, and what is missing. It ends with a commit, so that no message stays uncommitted for
// longer than the time between two looks.
func (w *following) look(ctx context.Context) error {
	if err := w.judgeStrays(ctx); err != nil {
		return err
	}
	if err := w.lookForMissing(ctx); err != nil {
		return err
	}
	return w.commit(ctx)
}

// commit stores the pending step, if there is any.
func (w *following) commit(ctx context.Context) error {
	if !w.dirty() {
		return nil
	}
	c := w.pending
	c.Fingerprint, c.At, c.State = w.Fingerprint, w.Now(), w.state
	c.State.Buckets = make(map[int64]*StreamBucket, len(w.changed))
	for b := range w.changed {
		c.State.Buckets[b] = w.state.Buckets[b]
	}
	if err := w.Ledger.CommitStream(ctx, w.lease, c); err != nil {
		return fmt.Errorf("storing what the stream showed: %w", err)
	}
	w.clear()
	return nil
}

func (w *following) dirty() bool {
	p := w.pending
	return w.messages > 0 || len(w.changed) > 0 || len(p.Findings) > 0 || len(p.Lost) > 0 || len(p.Strays) > 0 ||
		len(p.Settled) > 0 || p.Gaps > 0 || !p.At.IsZero()
}

func (w *following) clear() {
	w.pending = StreamCommit{Lost: map[int64][]LostEvent{}, Touched: map[order.Key]bool{}}
	w.changed, w.found, w.messages = map[int64]bool{}, map[foundKey]int{}, 0
}
