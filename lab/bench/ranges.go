package bench

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	// rangeSnapshot is how long a snapshot may be held. Ranges are then as large as they may be, a sixteenth of the table.
	rangeSnapshot = "30s"
	ofStatement   = 1.35
)

// ranges measures a full pass in ranges of keys, which can be resumed, beside the same pass in one statement.
func (b *bench) ranges(ctx context.Context) error {
	whole, err := b.crosscheck.configure("clean", b.large, "public.current_orders", threeFields)
	if err != nil {
		return err
	}
	parts, err := b.crosscheck.configure("ranges", b.large, "public.current_orders", threeFields)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(parts)
	if err == nil {
		err = os.WriteFile(parts, append(text, "verify: {max_snapshot: "+rangeSnapshot+"}\n"...), 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing a configuration: %w", err)
	}
	var contenders []contender
	for _, c := range []struct{ name, config string }{{"one statement", whole}, {"ranges", parts}} {
		for range 2 { // the first creates the ledger, and counts rows by status
			if _, err := b.crosscheck.clean(ctx, c.config, "verify"); err != nil {
				return err
			}
		}
		contenders = append(contenders, contender{c.name, func(ctx context.Context) (time.Duration, error) {
			var inside sample
			return b.cleanVerify(ctx, c.config, &inside)
		}})
	}
	samples, err := interleave(ctx, b.Runs, b.Log, contenders)
	if err != nil {
		return err
	}
	b.report.ranges(samples)
	return nil
}

// ranges adds the samples in the order of bench.ranges.
func (r *Report) ranges(s []sample) {
	r.add("`crosscheck verify` in one statement, without differences", s[0])
	r.against("the same in ranges of keys (`verify.max_snapshot`)", s[1], "this / one statement", s[1], s[0], ofStatement)
}
