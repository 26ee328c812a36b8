package bench

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// TestRivals holds the hand-written queries to their work: they agree on equal tables, and each of them sees one
// changed field. A rival that saw nothing would be fast.
func TestRivals(t *testing.T) {
	ctx := t.Context()
	server := pgtest.Server(t)
	d, err := prepare(ctx, server, 3000, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	again, err := prepare(ctx, server, 3000, func(format string, args ...any) { t.Errorf("the second time: "+format, args...) })
	if err != nil || again.orders != d.orders {
		t.Fatalf("prepared again: %+v, %v", again, err)
	}
	rivals := func(f fields) map[string]func() (time.Duration, error) {
		return map[string]func() (time.Duration, error){
			"digests": func() (time.Duration, error) { return d.digests(ctx, f) },
			"md5":     func() (time.Duration, error) { return d.md5(ctx, f) },
		}
	}
	all := func(wrong bool) {
		for _, f := range []fields{threeFields, allFields} {
			for name, run := range rivals(f) {
				if _, err := run(); errors.Is(err, errWrongCount) != wrong || (err != nil && !wrong) {
					t.Errorf("%s of %s: %v", name, f.name, err)
				}
			}
		}
	}
	all(false)
	joins := func(wrong bool) {
		if _, err := d.join(ctx, threeFields); errors.Is(err, errWrongCount) != wrong || (err != nil && !wrong) {
			t.Errorf("join: %v", err)
		}
	}
	joins(false)
	if err := execute(ctx, d.legacy, "UPDATE public.current_orders SET status = 'LOST' WHERE order_id = 1000"); err != nil {
		t.Fatal(err)
	}
	joins(true)
	random := rand.New(rand.NewPCG(1, 1))
	for range 3 {
		if _, err := d.plant(ctx, random, 1); err != nil {
			t.Fatal(err)
		}
		all(true)
		if err := d.unplant(ctx); err != nil {
			t.Fatal(err)
		}
	}
	all(false)
	keys, err := d.randomKeys(ctx, random, 500)
	if err != nil || len(keys) != 500 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	if _, err := d.keyed(ctx, allFields, keys); err != nil {
		t.Error(err)
	}
}

func TestPlantMany(t *testing.T) {
	ctx := t.Context()
	d, err := prepare(ctx, pgtest.Server(t), 3000, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	planted, err := d.plantMany(ctx, 300)
	if err != nil || planted < 200 || planted > 400 {
		t.Fatalf("%d planted, %v", planted, err)
	}
	var differ int64
	err = scalar(ctx, d.projection, "SELECT count(*) FROM public.current_orders o JOIN "+manyTable+" m USING (order_id) WHERE o.quantity <> m.quantity", &differ)
	if err != nil || differ != planted {
		t.Errorf("%d differ, %d planted, %v", differ, planted, err)
	}
	if err := d.drop(ctx); err != nil {
		t.Error(err)
	}
}
