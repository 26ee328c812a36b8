package ledgertest

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// AddRange implements [verify.Ranges].
func (f *Fake) AddRange(ctx context.Context, l lease.Lease, id verify.PassID, r verify.Range, suspects []verify.Suspect) error {
	if err := f.AddSuspects(ctx, l, id, suspects); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.owned(l, id)
	if err != nil {
		return err
	}
	text, err := json.Marshal(r.Found)
	if err != nil {
		return err
	}
	r.Found = verify.RangeFacts{}
	if p.ranges == nil {
		p.ranges = map[int]verify.Range{}
	}
	err = json.Unmarshal(text, &r.Found)
	p.ranges[r.Number] = r
	return err
}

// DropRange implements [verify.Ranges].
func (f *Fake) DropRange(ctx context.Context, l lease.Lease, id verify.PassID, number int) error {
	return f.drop(ctx, l, id, func(s verify.Suspect) bool { return s.Range == number })
}

// Ranges implements [verify.Ranges].
func (f *Fake) Ranges(ctx context.Context, id verify.PassID) (out []verify.Range, err error) {
	err = f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	p, err := f.pass(id)
	if err != nil {
		return nil, err
	}
	for _, number := range slices.Sorted(maps.Keys(p.ranges)) {
		out = append(out, p.ranges[number])
	}
	return out, nil
}
