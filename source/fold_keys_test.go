package source_test

import (
	"fmt"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestManyKeysAreFolded: many numbers without gaps are looked for in another way than few.
func TestManyKeysAreFolded(t *testing.T) {
	c := eventStore(t)
	var events []order.RawEvent
	var keys []order.Key
	for i := range 200 {
		key := order.Key(fmt.Sprint(i))
		events = append(events, life(key, order.Position(10*i), createdLine)...)
		keys = append(keys, key)
	}
	store(t, c.DSN, events)
	n := begin(t, openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField()}}))
	for _, asked := range [][]order.Key{keys[20:40], keys[20:140]} {
		q := verify.DigestQuery{Layout: verify.Layout{Whole: true}, Hash: verify.Hash{Seed: 1}, Keys: asked}
		digests, err := n.Digests(t.Context(), q, func(int64) {})
		if err != nil || len(digests) != 1 || digests[0].Rows != int64(len(asked)) {
			t.Errorf("digests of %d keys: %v, %v", len(asked), digests, err)
		}
	}
}
