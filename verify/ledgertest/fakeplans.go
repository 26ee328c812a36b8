package ledgertest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Plan implements [verify.Plans].
func (f *Fake) Plan(ctx context.Context, l lease.Lease, id verify.PassID, ranges []verify.Planned) error {
	return f.write(ctx, l, id, func(p *pass) error {
		p.plan = append(p.plan, ranges...)
		return nil
	})
}

// Planned implements [verify.Plans].
func (f *Fake) Planned(ctx context.Context, id verify.PassID) (left []verify.Planned, all int, err error) {
	err = f.read(ctx, id, func(p *pass) {
		for _, planned := range p.plan {
			if _, compared := p.ranges[planned.Number]; !compared {
				left = append(left, planned)
			}
		}
		all = len(p.plan)
	})
	return left, all, err
}

// waits returns the place of a planned range that is not compared; -1 if there is none with these ends.
func (p *pass) waits(r verify.Planned) int {
	if _, compared := p.ranges[r.Number]; compared {
		return -1
	}
	return slices.Index(p.plan, r)
}

// AddPlanned implements [verify.Plans].
func (f *Fake) AddPlanned(ctx context.Context, l lease.Lease, id verify.PassID, r verify.Range, suspects []verify.Suspect) (first bool, err error) {
	err = f.write(ctx, l, id, func(p *pass) error {
		first = p.waits(verify.Planned{Number: r.Number, KeyRange: r.KeyRange}) >= 0
		return nil
	})
	if err != nil || !first {
		return false, err
	}
	return true, f.AddRange(ctx, l, id, r, suspects)
}

// Split implements [verify.Plans].
func (f *Fake) Split(ctx context.Context, l lease.Lease, id verify.PassID, r verify.Planned, at []order.Key) (numbers []int, err error) {
	err = f.write(ctx, l, id, func(p *pass) error {
		i := p.waits(r)
		if i < 0 || len(at) == 0 {
			return nil
		}
		p.plan[i].Below = at[0]
		for j, from := range at {
			below := r.Below
			if j+1 < len(at) {
				below = at[j+1]
			}
			last := 0
			for _, planned := range p.plan {
				last = max(last, planned.Number)
			}
			for number := range p.ranges {
				last = max(last, number)
			}
			p.plan = append(p.plan, verify.Planned{Number: last + 1, KeyRange: verify.KeyRange{From: from, Below: below}})
			numbers = append(numbers, last+1)
		}
		return nil
	})
	return numbers, err
}

// Lent implements [verify.Plans].
func (f *Fake) Lent(ctx context.Context, id verify.PassID) (verify.Pass, lease.Lease, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return verify.Pass{}, lease.Lease{}, err
	}
	p, err := f.pass(id)
	switch {
	case err != nil || p.State != verify.Scanning || !p.Ranged:
		return verify.Pass{}, lease.Lease{}, fmt.Errorf("pass %d: %w", id, verify.ErrNotScanning)
	case !f.Live(p.lease):
		return verify.Pass{}, lease.Lease{}, fmt.Errorf("pass %d: %w", id, lease.ErrFenced)
	}
	return p.copied(), p.lease, nil
}

// Clock implements [verify.Plans].
func (f *Fake) Clock(ctx context.Context) (time.Time, error) {
	if err := f.lock(ctx); err != nil {
		return time.Time{}, err
	}
	defer f.mu.Unlock()
	return f.now(), nil
}
