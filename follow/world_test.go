package follow_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/follow/followtest"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// shop is an event store and a topic in memory, beside a ledger in memory. All are safe for concurrent use.
type shop struct {
	*followtest.Fake

	t *testing.T

	mu         sync.Mutex
	stored     map[order.Position]order.RawEvent
	positions  []order.Position // of stored, in their order; nil after a change
	running    bool             // a transaction that began before everything
	partitions [][]follow.Message
	deleted    []int64
	topic      string        // its identity
	untold     error         // why the brokers do not tell it
	pending    int64         // so many messages at the end of each partition are in an open transaction
	cut        int64         // so many messages at the end of each partition are lost before they are read
	unreadable int64         // so many messages of each partition are in a batch that cannot be read
	grown      chan struct{} // closed, and made anew, when the topic grows
	now        time.Time
	published  int
	taking     bool // parcels have been asked for

	rules  *order.Rules
	idType order.KeyType // empty if positions identify events

	upcast func(order.RawEvent) follow.Upcast // how the store reads its events; nil: as they are

	archived []order.Key // according to legacy

	outside map[order.Position]order.RawEvent // stored, and not in the slice; nil without a slice
	changed map[order.Key]bool                // of all commits

	counted     [][2]order.Position // what was asked for
	countAtOnce int64               // so many events at least, however many more are asked for

	// beat, where there is one, is called as each second ends. Time passes at the follower's looks, and stands still while
	// something is to be read: what is found, and when, does not depend on how busy the machine is.
	beat   func()
	readTo map[int]int64 // by partition

	// members is how many members of a group read; 0: the follower reads by itself.
	members   int
	everybody bool // believes that all partitions are its own

	commits    int
	failCommit int // commit at which the ledger goes away; 0 for never
	failWhen   func(follow.Commit) bool
}

// What a shop's follower waits for.
const (
	shopWindow = 20 * time.Second
	shopMaxLag = 40 * time.Second
)

func newShop(t *testing.T, partitions int) *shop {
	return &shop{
		Fake:    followtest.New(),
		members: *grouped, t: t, stored: map[order.Position]order.RawEvent{}, partitions: make([][]follow.Message, partitions), deleted: make([]int64, partitions),
		changed: map[order.Key]bool{}, grown: make(chan struct{}), now: time.Unix(1_700_000_000, 0), countAtOnce: math.MaxInt64, rules: order.Defaults(),
	}
}

const canceled = `{"event_id":%d,"order_id":%d,"event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":%q}}`

func (s *shop) store(id, key int) { s.storeText(fmt.Sprintf(canceled, id, key, "why")) }

// storeText stores the event that a message would publish.
func (s *shop) storeText(text string) {
	e, ok := order.ReadMessage([]byte(text), s.rules)
	if !ok {
		s.t.Fatalf("not an event: %s", text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[e.Position] = e
	s.positions = nil
}

// amongTrades publishes a message between trades, and wants what the follower finds.
func (s *shop) amongTrades(text, want string) {
	s.t.Helper()
	s.trade(1, 10)
	s.publishText(0, 7, text)
	s.trade(11, 20)
	s.want(20, want)
	s.wantCounts(20, 20, 1)
}

// between are the positions from..to in their order. The mutex must be held.
func (s *shop) between(from, to order.Position) []order.Position {
	if s.positions == nil {
		s.positions = slices.Sorted(maps.Keys(s.stored))
	}
	first, _ := slices.BinarySearch(s.positions, from)
	end, found := slices.BinarySearch(s.positions, to)
	if found {
		end++
	}
	return s.positions[first:max(first, end)]
}

func (s *shop) publish(partition, id, key int) {
	s.publishText(partition, key, fmt.Sprintf(canceled, id, key, "why"))
}

func (s *shop) create(partition, id, key int) {
	s.publishText(partition, key, fmt.Sprintf(`{"event_id":%d,"order_id":%d,"event_type":"OrderCreated","timestamp":"2024-01-01T00:00:00Z","payload":{"trader_id":"t","symbol":"NVDA","side":"BUY","quantity":10,"price":1}}`, id, key))
}

// Archived implements [follow.Legacy].
func (s *shop) Archived(_ context.Context, keys []order.Key) ([]order.Key, error) {
	return slices.DeleteFunc(slices.Clone(keys), func(k order.Key) bool { return !slices.Contains(s.archived, k) }), nil
}

func (s *shop) publishText(partition, key int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published++ // each message has a time of its own
	m := follow.Message{
		Partition: partition, Offset: int64(len(s.partitions[partition])), Value: []byte(text),
		Time: s.now.Add(time.Duration(s.published%1000) * time.Millisecond),
	}
	if key > 0 {
		m.Key = fmt.Appendf(nil, "%d", key)
	}
	s.partitions[partition] = append(s.partitions[partition], m)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *shop) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *shop) Partitions(context.Context) ([]follow.Partition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []follow.Partition
	for i, m := range s.partitions {
		end := int64(len(m)) + s.cut
		out = append(out, follow.Partition{Partition: i, First: s.deleted[i], End: end, Written: end + s.pending})
	}
	return out, nil
}

// Identity implements [follow.Identified].
func (s *shop) Identity(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.topic, s.untold
}

// TakeParcels notes that parcels are being taken.
func (s *shop) TakeParcels(ctx context.Context, fingerprint string, after map[int]int64) ([]follow.Parcel, error) {
	s.mu.Lock()
	s.taking = true
	s.mu.Unlock()
	return s.Fake.TakeParcels(ctx, fingerprint, after)
}

func (s *shop) next(r follow.Range, from map[int]int64) (batches []follow.Batch, grown chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	exists := map[int]bool{}
	for i := range s.partitions {
		exists[i] = true
	}
	batches = follow.Gone(from, exists)
	for _, b := range batches {
		delete(from, b.Partition)
	}
	for i, m := range s.partitions {
		if _, wanted := r.To[i]; r.To != nil && !wanted {
			continue
		}
		b := follow.Batch{Partition: i, Next: int64(len(m)), End: int64(len(m))}
		first := from[i]
		if first < s.deleted[i] {
			b.Gap = &follow.Gap{Partition: i, Kind: follow.GapRetention, Expected: first, Got: s.deleted[i]}
			first = s.deleted[i]
		}
		if first > b.End {
			b.Gap = &follow.Gap{Partition: i, Kind: follow.GapTruncated, Expected: first}
			first = 0
		}
		if first < s.unreadable {
			b.Gap = &follow.Gap{Partition: i, Kind: follow.GapUnreadable, Expected: first, Got: s.unreadable}
			first = s.unreadable
		}
		if b.Messages = m[first:]; b.Gap != nil || len(b.Messages) > 0 {
			batches = append(batches, b)
		}
		from[i] = b.Next
	}
	return batches, s.grown
}

func (s *shop) Read(ctx context.Context, r follow.Range, deliver func(context.Context, follow.Batch) error) error {
	from := maps.Clone(r.From)
	s.mu.Lock()
	if s.readTo == nil || r.To == nil {
		s.readTo = map[int]int64{}
	}
	maps.Copy(s.readTo, r.From)
	s.mu.Unlock()
	for {
		batches, grown := s.next(r, from)
		for _, b := range batches {
			if err := deliver(ctx, b); err != nil {
				return err
			}
			s.mu.Lock()
			s.readTo[b.Partition] = b.Next
			s.mu.Unlock()
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *shop) Histories(_ context.Context, keys []order.Key) (map[order.Key][]order.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[order.Key][]order.Event{}
	for _, p := range s.between(math.MinInt64, math.MaxInt64) {
		if raw := s.stored[p]; slices.Contains(keys, raw.Key) {
			e, _ := order.Decode(raw, s.rules)
			out[e.Key] = append(out[e.Key], e)
		}
	}
	return out, nil
}

func (s *shop) Rows(_ context.Context, positions []order.Position, fn func(order.StoredRow) error) error {
	for _, p := range positions {
		s.mu.Lock()
		e, ok := s.stored[p]
		s.mu.Unlock()
		if !ok {
			continue
		}
		key := []byte(e.Key)
		if e.Key == "" {
			key = nil
		}
		if err := fn(order.StoredRow{Position: p, ID: []byte(e.ID), Key: key, Type: []byte(e.Type), At: e.At, Payload: e.Payload}); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) RowsByID(ctx context.Context, ids []order.ID, fn func(order.StoredRow) error) error {
	s.mu.Lock()
	var positions []order.Position
	for _, p := range s.between(math.MinInt64, math.MaxInt64) {
		if slices.Contains(ids, s.stored[p].ID) {
			positions = append(positions, p)
		}
	}
	s.mu.Unlock()
	return s.Rows(ctx, positions, fn)
}

func (s *shop) Upcast(_ context.Context, messages []order.RawEvent) ([][]follow.Upcast, error) {
	out := make([][]follow.Upcast, len(messages))
	for i, m := range messages {
		if s.upcast != nil {
			out[i] = []follow.Upcast{s.upcast(m)}
		}
	}
	return out, nil
}

func (s *shop) CountPositions(_ context.Context, from, to order.Position, shift uint, limit int64) ([]follow.PositionCount, order.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counted = append(s.counted, [2]order.Position{from, to})
	var out []follow.PositionCount
	var all int64
	for _, p := range s.between(from, to) {
		if b := int64(p) >> shift; len(out) == 0 || out[len(out)-1].Bucket != b {
			if all >= min(limit, s.countAtOnce) {
				return out, order.Position(b<<shift) - 1, nil
			}
			out = append(out, follow.PositionCount{Bucket: b})
		}
		n := &out[len(out)-1]
		n.Events++
		n.Sum = follow.AddPosition(n.Sum, p)
		all++
	}
	return out, to, nil
}

func (s *shop) Between(_ context.Context, from, to order.Position, fn func(order.Position, order.Key, order.ID) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.between(from, to) {
		if err := fn(p, s.stored[p].Key, s.stored[p].ID); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) First(context.Context) (order.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if all := s.between(math.MinInt64, math.MaxInt64); len(all) > 0 {
		return all[0], nil
	}
	return order.NoPosition, nil
}

func (s *shop) Horizon(context.Context) (follow.Horizon, error) {
	if s.allRead() {
		s.pass(time.Second)
		if s.beat != nil {
			s.beat()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := follow.Horizon{Position: order.NoPosition, Below: 2}
	if all := s.between(math.MinInt64, math.MaxInt64); len(all) > 0 {
		h.Position = all[len(all)-1]
	}
	return h, nil
}

func (s *shop) allRead() bool {
	matched := s.state().Partitions // by then, of what members have read
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, messages := range s.partitions {
		if s.readTo[i] < int64(len(messages)) || s.members > 0 && matched[i].Next < int64(len(messages)) {
			return false
		}
	}
	return true
}

func (s *shop) Oldest(context.Context) (follow.Running, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return follow.Running{Oldest: 1, Holder: "a transaction"}, nil
	}
	return follow.Running{Oldest: 2}, nil
}

var errGone = errors.New("the ledger is gone")

func (s *shop) CommitStream(ctx context.Context, l lease.Lease, c follow.Commit) error {
	s.mu.Lock()
	s.commits++
	maps.Copy(s.changed, c.Changed)
	gone := s.commits == s.failCommit || s.failWhen != nil && s.failWhen(c)
	s.mu.Unlock()
	if gone {
		return errGone
	}
	return s.Fake.CommitStream(ctx, l, c)
}

func (s *shop) state() follow.State {
	s.t.Helper()
	state, err := s.LoadStream(s.t.Context(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// follow runs a follower until the condition holds, and returns what its Run said if that ended before.
func (s *shop) follow(what string, until func() bool) error {
	s.t.Helper()
	f := &follow.Follower{
		Stream: s, Store: s, Legacy: s, Ledger: s, Topic: "orders", Rules: s.rules, KeyType: order.KeyInteger, IDType: s.idType, Window: shopWindow, Every: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Now: s.clock, MaxLag: shopMaxLag,
	}
	held, err := s.Acquire(s.t.Context(), "stream", "test", time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := s.Release(context.WithoutCancel(s.t.Context()), held); err != nil {
			s.t.Error(err)
		}
	}()
	ctx, stop := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer stop()
	ended := make(chan error, 1)
	g, members := errgroup.WithContext(ctx)
	if s.members > 0 {
		f.Intake = s
	}
	for i := range s.members {
		g.Go(func() error { return s.share(members, f, i) })
	}
	g.Go(func() error { return f.Run(members, held) })
	go func() { ended <- g.Wait() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				s.t.Fatalf("did not happen: %s; found %s, state %+v", what, s.found(), s.state())
			}
			return err
		case <-tick.C:
			if until() {
				stop()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					s.t.Errorf("a follower that is stopped says %v", err)
				}
				return nil
			}
		}
	}
}

// grouped is for running all tests with members of a group.
var grouped = flag.Int("group", 0, "let so many members of a group read")

// share lets a member read its part of the partitions, as they become more.
func (s *shop) share(ctx context.Context, f *follow.Follower, number int) error {
	m := follow.Member{Follower: f, Name: fmt.Sprint("member ", number)}
	for ctx.Err() == nil {
		s.mu.Lock()
		all, grown := len(s.partitions), s.grown
		s.mu.Unlock()
		var mine []int
		for p := range all {
			if s.everybody || p%s.members == number {
				mine = append(mine, p)
			}
		}
		during, stop := context.WithCancel(ctx)
		over := make(chan error, 1)
		go func() { over <- m.Run(during, mine) }()
		for same := true; same; {
			select {
			case <-grown:
				s.mu.Lock()
				same, grown = len(s.partitions) == all, s.grown
				s.mu.Unlock()
			case err := <-over:
				stop()
				return err
			}
		}
		stop()
		if err := <-over; !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return ctx.Err()
}

// settled follows until everything up to a position was checked and judged, and returns what is open.
func (s *shop) settled(position int) string {
	s.t.Helper()
	from := s.clock()
	if err := s.follow(fmt.Sprint("checked up to ", position), func() bool {
		e := s.state().Evidence
		return e.Checked >= order.Position(position) && e.CaughtUpAt.Sub(from) > 2*time.Minute
	}); err != nil {
		s.t.Fatal(err)
	}
	return s.found()
}

func (s *shop) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *shop) found() string {
	s.t.Helper()
	open, err := s.Divergences(s.t.Context(), verify.Open, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	out := make([]string, len(open))
	for i, d := range open {
		out[i] = string(d.Mismatch.Key) + " " + string(d.Mismatch.Cause)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
