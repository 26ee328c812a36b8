package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestTheFoldOfAllEventsHasLegacysDigests generates a history, and walks both sides as full verification does.
func TestTheFoldOfAllEventsHasLegacysDigests(t *testing.T) {
	legacyDSN, eventsDSN := pgtest.Database(t), pgtest.Database(t)
	if err := lab.Generate(t.Context(), legacyDSN, eventsDSN, lab.History{Orders: 2000, Events: true, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for name, kind := range map[string]string{
		"trader_id": "integer", "symbol": "text", "side": "text", "quantity": "numeric", "price": "numeric", "status": "text",
		"filled_quantity": "numeric", "avg_fill_price": "numeric", "created_at": "timestamptz", "updated_at": "timestamptz",
	} {
		fields = append(fields, fmt.Sprintf("{name: %s, type: %s}", name, kind))
	}
	slices.Sort(fields)
	text := fmt.Sprintf("legacy: {dsn: %q}\nprojection: {dsn: %[2]q}\nledger: {dsn: %[2]q}\nevents: {dsn: %[2]q}\ncompare: {group_by: status, fields: [%[3]s]}\n",
		legacyDSN, eventsDSN, strings.Join(fields, ", "))
	c, err := config.Parse("fold.yaml", []byte(text), environment)
	if err != nil {
		t.Fatal(err)
	}
	fold, err := openFold(t.Context(), c, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer fold.Close()
	legacy, err := source.Open(t.Context(), legacyConfig(c, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer legacy.Close()
	if got := len(judgedFields(c)); got != len(fields) {
		t.Errorf("%d of %d fields are folded", got, len(fields))
	}
	want, got := digestsOf(t.Context(), t, legacy), digestsOf(t.Context(), t, fold)
	if len(want) < 8 {
		t.Errorf("only %d digests: nothing is proven by them", len(want))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("legacy and the folded events differ:\n%s", d)
	}
}

// digestsOf are all digests of a side, by bucket and status.
func digestsOf(ctx context.Context, t *testing.T, s verify.Side) map[string]string {
	t.Helper()
	n, err := s.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	digests, err := n.Digests(ctx, verify.DigestQuery{Layout: verify.Layout{Shift: 10}, Hash: verify.Hash{Seed: 7}}, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	return byBucket(digests)
}

func byBucket(digests []verify.Digest) map[string]string {
	out := map[string]string{}
	for _, d := range digests {
		out[fmt.Sprint(d.Bucket, d.Group.Text)] = fmt.Sprint(d.Rows, d.Sum)
	}
	return out
}
