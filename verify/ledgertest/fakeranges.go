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
	text, err := json.Marshal(r.Found)
	if err != nil {
		return err
	}
	return f.write(ctx, l, id, func(p *pass) error {
		r.Found = verify.RangeFacts{}
		if p.ranges == nil {
			p.ranges = map[int]verify.Range{}
		}
		err := json.Unmarshal(text, &r.Found)
		p.ranges[r.Number] = r
		return err
	})
}

// DropRange implements [verify.Ranges].
func (f *Fake) DropRange(ctx context.Context, l lease.Lease, id verify.PassID, number int) error {
	return f.drop(ctx, l, id, func(s verify.Suspect) bool { return s.Range == number })
}

// Ranges implements [verify.Ranges].
func (f *Fake) Ranges(ctx context.Context, id verify.PassID) (out []verify.Range, err error) {
	err = f.read(ctx, id, func(p *pass) {
		for _, number := range slices.Sorted(maps.Keys(p.ranges)) {
			out = append(out, p.ranges[number])
		}
	})
	return out, err
}
