package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/lease"
)

// Intake is where the members of a group hand over what they have read and compared, until the one process that matches
// takes it. It is only a copy of the topic: it may be lost at any time, and is then read again.
type Intake interface {
	// OpenIntake lets members read partitions, under the lease of the process that takes. What is there stays if it goes on
	// at these places; otherwise it is dropped, and so are all claims. What other fingerprints have is dropped.
	OpenIntake(ctx context.Context, l lease.Lease, fingerprint string, at map[int]Place) error
	// ClaimIntake makes the caller the only one who can add to these partitions. It leaves out those that are not open.
	ClaimIntake(ctx context.Context, fingerprint, reader string, partitions []int) ([]Claim, error)
	// KeepsIntake returns lease.ErrFenced if one of the partitions was claimed or opened again since.
	KeepsIntake(ctx context.Context, fingerprint string, claims []Claim) error
	// AddParcel stores a parcel at the end of its partition. It returns lease.ErrFenced if the partition was claimed or opened
	// again since, or does not go on at the parcel, and ErrFull while much waits to be taken. Then it stores nothing.
	AddParcel(ctx context.Context, fingerprint string, c Claim, p Parcel) error
	// TakeParcels returns some of the parcels after these numbers, by partition, in the order in which they were added. Their
	// End is that of the partition's newest parcel. It returns ErrLost if one of the partitions is not open.
	TakeParcels(ctx context.Context, fingerprint string, after map[int]int64) ([]Parcel, error)
}

// Place is where a partition goes on: an offset, and the number of the last parcel that was taken.
type Place struct{ Next, Taken int64 }

// Claim is the right to add to a partition, and where to go on.
type Claim struct {
	Partition int
	Token     int64
	Next      int64
}

var (
	// ErrFull is returned while so much waits to be taken that members must wait.
	ErrFull = errors.New("too many parcels of messages wait to be matched")
	// ErrLost is returned if parcels are gone that were not taken. They are read from the topic again.
	ErrLost = errors.New("the parcels of messages are gone, and are read again")
	// errFewer ends a follower, so that it starts again and finds a gap.
	errFewer = errors.New("the topic was created again with fewer partitions")
)

// MaxParcels is how many may wait, over all partitions.
const MaxParcels = 256

const (
	takeEvery  = 200 * time.Millisecond
	watchEvery = 10 * time.Second // how often added partitions are looked for
)

// places are where the partitions go on.
func (w *work) places() map[int]Place {
	at := make(map[int]Place, len(w.state.Partitions))
	for id, p := range w.state.Partitions {
		at[id] = Place{p.Next, p.Taken}
	}
	return at
}

// taker takes parcels in place of the topic's messages.
type taker struct {
	*Follower
	lease   lease.Lease
	places  map[int]Place
	after   map[int]int64 // the number of the last parcel that was taken
	batches chan<- readBatch
}

// take delivers the parcels of members until ctx ends or something fails.
func (f *Follower) take(ctx context.Context, l lease.Lease, at map[int]Place, batches chan<- readBatch) error {
	t := taker{f, l, at, map[int]int64{}, batches}
	if err := t.gone(ctx); err != nil {
		return err
	}
	if err := t.open(ctx, at); err != nil {
		return err
	}
	for looked := time.Now(); ; {
		if time.Since(looked) >= t.pause(watchEvery) {
			if err := t.added(ctx); err != nil {
				return err
			}
			looked = time.Now()
		}
		parcels, err := f.Intake.TakeParcels(ctx, f.Fingerprint, t.after)
		if err != nil {
			return fmt.Errorf("taking what members of the group have read: %w", err)
		}
		for i := range parcels {
			b, err := parcels[i].unpack()
			if err != nil {
				return errors.Join(err, t.drop(ctx))
			}
			if err := t.deliver(ctx, b); err != nil {
				return err
			}
			t.after[b.Partition], t.places[b.Partition] = b.number, Place{b.Next, b.number}
		}
		if len(parcels) == 0 {
			if err := lease.Sleep(ctx, t.pause(takeEvery)); err != nil {
				return err
			}
		}
	}
}

func (t *taker) deliver(ctx context.Context, b readBatch) error {
	select {
	case t.batches <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *taker) open(ctx context.Context, at map[int]Place) error {
	if err := t.Intake.OpenIntake(ctx, t.lease, t.Fingerprint, at); err != nil {
		return fmt.Errorf("letting members of the group read: %w", err)
	}
	for id, p := range at {
		t.after[id] = p.Taken
	}
	return nil
}

// drop drops all parcels, so that they are read from the topic again: those of other fingerprints than one that nobody has.
func (t *taker) drop(ctx context.Context) error {
	if err := t.Intake.OpenIntake(ctx, t.lease, "none", nil); err != nil {
		return fmt.Errorf("dropping what members of the group have read: %w", err)
	}
	return nil
}

// added opens the partitions that are new.
func (t *taker) added(ctx context.Context) error {
	partitions, err := t.Stream.Partitions(ctx)
	if err != nil {
		return err
	}
	at, exists := map[int]Place{}, map[int]bool{}
	for _, p := range partitions {
		exists[p.Partition] = true
		if _, known := t.after[p.Partition]; !known {
			at[p.Partition] = Place{}
		}
	}
	if gaps := Gone(offsetsOf(t.places), exists); len(gaps) > 0 { // the next turn reports them
		return fmt.Errorf("%w: partition %d is gone", errFewer, gaps[0].Partition)
	}
	if len(at) == 0 {
		return nil
	}
	return t.open(ctx, at)
}

// gone delivers a gap for each partition that no longer exists.
func (t *taker) gone(ctx context.Context) error {
	partitions, err := t.Stream.Partitions(ctx)
	if err != nil {
		return err
	}
	exists := map[int]bool{}
	for _, p := range partitions {
		exists[p.Partition] = true
		if _, known := t.places[p.Partition]; !known {
			t.places[p.Partition] = Place{}
		}
	}
	for _, gap := range Gone(offsetsOf(t.places), exists) {
		at := t.places[gap.Partition]
		t.places[gap.Partition] = Place{Taken: at.Taken}
		if err := t.deliver(ctx, readBatch{Batch: gap, number: at.Taken}); err != nil {
			return err
		}
	}
	return nil
}

func offsetsOf(at map[int]Place) map[int]int64 {
	from := make(map[int]int64, len(at))
	for id, p := range at {
		from[id] = p.Next
	}
	return from
}
