package source

import (
	"cmp"
	"context"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// examineEventReads is examineReads for the event store: what passes, the fold and the follower ask it.
func (e *eventsExamination) examineEventReads(ctx context.Context) {
	if e.hasError() {
		return
	}
	events := e.events
	if err := events.resolve(ctx); err != nil {
		e.failed(CheckReads, "opening the event store", err)
		return
	}
	var some struct { // an event and its order
		key      order.Key
		position order.Position
	}
	some.key = order.Key(zeroKey(events.keyType))
	following := []read{
		{"reading the newest position", func(ctx context.Context) error {
			h, err := events.Horizon(ctx)
			some.position = h.Position
			return err
		}},
		{"reading running transactions", func(ctx context.Context) error { _, err := events.Oldest(ctx); return err }},
		{"reading a range of positions", func(ctx context.Context) error {
			return events.Between(ctx, some.position, some.position, func(_ order.Position, key order.Key, _ order.ID) error {
				some.key = cmp.Or(key, some.key)
				return nil
			})
		}},
		{"counting positions", func(ctx context.Context) error {
			_, _, err := events.CountPositions(ctx, some.position, some.position, 0, 1)
			return err
		}},
		{"reading events by position", func(ctx context.Context) error {
			return events.Rows(ctx, []order.Position{some.position}, func(order.StoredRow) error { return nil })
		}},
	}
	reads := []read{
		{"saying where the events come from", func(ctx context.Context) error { _, err := events.Origin(ctx); return err }},
		{"reading a history", func(ctx context.Context) error { _, err := events.Histories(ctx, []order.Key{some.key}); return err }},
		{"reading the newest event", func(ctx context.Context) error { _, err := events.Newest(ctx); return err }},
		{"counting the events after a time", func(ctx context.Context) error { _, _, err := events.After(ctx, e.now()); return err }},
		{"folding events", e.tryFold},
	}
	if !plainColumn.MatchString(events.config.Payload) || !plainColumn.MatchString(events.config.Type) {
		reads = append(reads, read{"reading a message as a stored event", func(ctx context.Context) error {
			m := order.RawEvent{Position: some.position, Key: some.key, Type: "none", At: time.Unix(0, 0), Payload: []byte("{}")}
			_, err := events.Upcast(ctx, []order.RawEvent{m})
			return err
		}})
	}
	if !events.config.PerOrder {
		reads = append(following, reads...)
	}
	e.try(ctx, reads)
}

// tryFold sends the fold's query for a bucket that is empty or small.
func (e *eventsExamination) tryFold(ctx context.Context) error {
	f := &Fold{events: e.events, groupBy: -1}
	f.Side = &Side{config: e.config, pool: e.pool, keysFrom: e.events.within()}
	var err error
	if f.shape, err = f.resolve(ctx); err != nil {
		return err
	}
	if err := f.arrange(ctx); err != nil {
		return err
	}
	f.at = f.events.config.At
	if !f.shape.keyIndex { // the query would read the whole store
		return nil
	}
	opened, err := f.Begin(ctx)
	if err != nil {
		return err
	}
	defer opened.Close()
	layout, bucket := oneCut(f.shape.keyType)
	if _, err := opened.Extent(ctx); err != nil {
		return err
	}
	_, err = opened.Digests(ctx, verify.DigestQuery{Layout: layout, Parent: layout, Buckets: []int64{bucket}}, func(int64) {})
	return err
}
