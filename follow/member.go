package follow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/lease"
)

// Member reads some partitions for the one process that matches: it fetches their messages, reads them, and compares each
// with its stored event. Of a Follower it needs what that takes, but no ledger.
type Member struct {
	*Follower
	Name string // of this process, for people
}

const (
	// claimAgain is the pause before partitions are claimed again that another process has claimed. It is longer than a member
	// of Kafka's group needs to learn that its partitions are another's, so that two of them do not take turns.
	claimAgain = 5 * time.Second
	// unopened is the pause while partitions are not open yet.
	unopened = 500 * time.Millisecond
	// parcelEvery is the time between two parcels of a partition of which all is read, so that they are not too small.
	parcelEvery = 500 * time.Millisecond
	// addAgain is the pause while too much waits to be taken.
	addAgain = 200 * time.Millisecond
)

// Run reads these partitions until ctx ends or something fails.
func (m *Member) Run(ctx context.Context, partitions []int) error {
	if len(partitions) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	for {
		claims, err := m.claim(ctx, partitions)
		if err != nil {
			return err
		}
		if err = m.read(ctx, claims); !errors.Is(err, lease.ErrFenced) || ctx.Err() != nil {
			return err
		}
		m.Log.InfoContext(ctx, "partitions were claimed by another process, or are read again from where they were matched", slog.Any("partitions", partitions))
		if err := lease.Sleep(ctx, m.pause(claimAgain)); err != nil {
			return err
		}
	}
}

// claim waits until all partitions are open, and claims them.
func (m *Member) claim(ctx context.Context, partitions []int) (map[int]Claim, error) {
	for {
		claims, err := m.Intake.ClaimIntake(ctx, m.Fingerprint, m.Name, partitions)
		if err != nil {
			return nil, fmt.Errorf("claiming partitions: %w", err)
		}
		if len(claims) == len(partitions) {
			by := make(map[int]Claim, len(claims))
			for _, c := range claims {
				by[c.Partition] = c
			}
			return by, nil
		}
		if err := lease.Sleep(ctx, m.pause(unopened)); err != nil {
			return nil, err
		}
	}
}

func (m *Member) read(ctx context.Context, claims map[int]Claim) error {
	r := Range{From: map[int]int64{}, To: map[int]int64{}}
	readers := map[int]*memberReader{}
	lookups := make(chan struct{}, maxLookups)
	for id, c := range maps.All(claims) {
		r.From[id], r.To[id] = c.Next, math.MaxInt64
		readers[id] = &memberReader{Member: m, claim: c, lookups: lookups}
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return m.keep(ctx, slices.Collect(maps.Values(claims))) })
	both.Go(func() error {
		if err := m.Stream.Read(ctx, r, func(ctx context.Context, b Batch) error { return readers[b.Partition].deliver(ctx, b) }); err != nil {
			return err
		}
		return errStopped
	})
	return both.Wait()
}

// keep ends with lease.ErrFenced when the claims are lost. Where no message comes, no parcel would meet that, and what was handed over before the
// partitions were opened again would never be read again.
func (m *Member) keep(ctx context.Context, claims []Claim) error {
	for {
		if err := lease.Sleep(ctx, m.pause(claimAgain)); err != nil {
			return err
		}
		if err := m.Intake.KeepsIntake(ctx, m.Fingerprint, claims); err != nil {
			return fmt.Errorf("asking for the claims of partitions: %w", err)
		}
	}
}

// memberReader hands over the batches of one partition.
type memberReader struct {
	*Member
	claim   Claim
	lookups chan struct{}
}

func (r *memberReader) deliver(ctx context.Context, b Batch) error {
	p, err := r.pack(ctx, b)
	if err != nil {
		return err
	}
	for waits := false; ; waits = true {
		err = r.Intake.AddParcel(ctx, r.Fingerprint, r.claim, p)
		if !errors.Is(err, ErrFull) {
			break
		}
		if !waits {
			r.Log.InfoContext(ctx, "reading waits until messages are matched", slog.Int("partition", b.Partition), slog.Int("parcels", MaxParcels))
		}
		if err := lease.Sleep(ctx, r.pause(addAgain)); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("handing over messages of partition %d: %w", b.Partition, err)
	}
	r.claim.Next = b.Next
	if b.Next >= b.End { // more may come soon
		return lease.Sleep(ctx, r.pause(parcelEvery))
	}
	return nil
}

func (r *memberReader) pack(ctx context.Context, b Batch) (Parcel, error) {
	p := Parcel{Partition: b.Partition, From: r.claim.Next, Next: b.Next, End: b.End}
	select {
	case r.lookups <- struct{}{}:
		defer func() { <-r.lookups }()
	case <-ctx.Done():
		return p, ctx.Err()
	}
	arrivals, err := r.arrivals(ctx, b.Messages)
	if err != nil {
		return p, err
	}
	p.Content, err = (&readBatch{Batch: b, arrivals: arrivals}).pack()
	return p, err
}
