package followtest

import (
	"cmp"
	"context"
	"slices"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
)

// intake is one partition that members may add to.
type intake struct {
	token     int64
	next, end int64
	count     int64 // the number of the last parcel
	parcels   []marked
}

// marked is a parcel with its place among all that were added.
type marked struct {
	follow.Parcel
	mark int64
}

// OpenIntake implements [follow.Intake].
func (f *Fake) OpenIntake(ctx context.Context, l lease.Lease, fingerprint string, at map[int]follow.Place) error {
	unlock, err := f.writing(ctx, l)
	if err != nil {
		return err
	}
	defer unlock()
	for other := range f.intakes {
		if other != fingerprint {
			delete(f.intakes, other)
		}
	}
	if f.intakes[fingerprint] == nil {
		f.intakes[fingerprint] = map[int]*intake{}
	}
	for partition, place := range at {
		in := f.intakes[fingerprint][partition]
		if in != nil && in.goesOn(place) {
			continue
		}
		f.tokens++
		f.intakes[fingerprint][partition] = &intake{token: f.tokens, next: place.Next, end: place.Next, count: place.Taken}
	}
	return nil
}

func (i *intake) goesOn(at follow.Place) bool {
	if first := slices.IndexFunc(i.parcels, func(p marked) bool { return p.Number == at.Taken+1 }); first >= 0 {
		return i.parcels[first].From == at.Next
	}
	return i.count == at.Taken && i.next == at.Next
}

// ClaimIntake implements [follow.Intake].
func (f *Fake) ClaimIntake(ctx context.Context, fingerprint, _ string, partitions []int) (claims []follow.Claim, err error) {
	err = f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, partition := range partitions {
		if in := f.intakes[fingerprint][partition]; in != nil && err == nil {
			f.tokens++
			in.token = f.tokens
			claims = append(claims, follow.Claim{Partition: partition, Token: in.token, Next: in.next})
		}
	}
	return claims, err
}

// KeepsIntake implements [follow.Intake].
func (f *Fake) KeepsIntake(ctx context.Context, fingerprint string, claims []follow.Claim) error {
	err := f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range claims {
		if in := f.intakes[fingerprint][c.Partition]; err == nil && (in == nil || in.token != c.Token) {
			err = lease.ErrFenced
		}
	}
	return err
}

// AddParcel implements [follow.Intake].
func (f *Fake) AddParcel(ctx context.Context, fingerprint string, c follow.Claim, p follow.Parcel) error {
	err := f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	var waiting int64
	for partition, in := range f.intakes[fingerprint] {
		waiting += in.count - f.taken(fingerprint, partition)
	}
	if waiting >= follow.MaxParcels {
		return follow.ErrFull
	}
	in := f.intakes[fingerprint][p.Partition]
	if in == nil || in.token != c.Token || in.next != p.From {
		return lease.ErrFenced
	}
	in.count++
	in.next, in.end, p.Number = p.Next, p.End, in.count
	f.marks++
	in.parcels = append(in.parcels, marked{p, f.marks})
	return nil
}

// taken is the number of the last parcel that was matched. The caller must hold the mutex.
func (f *Fake) taken(fingerprint string, partition int) int64 {
	if s := f.streams[fingerprint]; s != nil {
		return s.state.Partitions[partition].Taken
	}
	return 0
}

// TakeParcels implements [follow.Intake].
func (f *Fake) TakeParcels(ctx context.Context, fingerprint string, after map[int]int64) (parcels []follow.Parcel, err error) {
	err = f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var found []marked
	for partition, last := range after {
		in := f.intakes[fingerprint][partition]
		if in == nil {
			return nil, follow.ErrLost
		}
		for _, p := range in.parcels {
			if p.End = in.end; p.Number > last {
				found = append(found, p)
			}
		}
	}
	slices.SortFunc(found, func(a, b marked) int { return cmp.Compare(a.mark, b.mark) })
	for _, p := range found {
		parcels = append(parcels, p.Parcel)
	}
	return parcels, nil
}

// LoseIntake forgets all parcels and claims, as a crash of the database does.
func (f *Fake) LoseIntake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.intakes = map[string]map[int]*intake{}
}
