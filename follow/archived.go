package follow

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// archived finds messages that say nothing about the store, because their events may have been archived. They are messages
// of the backlog, published before the topic was first read; a message that comes while the topic is followed never counts.
// Its position is below everything that is stored; or the store has no event of its order, and one of these is true:
//
//   - Legacy has the order, and the configuration says that its events were archived.
//   - Another message of the order is below everything that is stored.
//   - The topic has messages from below, the message is no creation, and neither is one that waits with it: the order was
//     created before the topic begins. A ghost of a young order has a creation, on the topic or in the store.
func (w *work) archived(ctx context.Context, due []UnmatchedMessage, arrivals []arrival) (map[int]bool, error) {
	b := backlog{keys: map[order.Key]bool{}, created: map[order.Key]bool{}}
	for i, s := range due {
		if a := &arrivals[i]; !a.stored && !a.outside && a.key != "" && s.Offset < w.state.Partitions[s.Partition].Backlog {
			b.messages = append(b.messages, i)
			b.keys[a.key] = true
			if !w.later(a) {
				b.created[a.key] = true
			}
		}
	}
	if len(b.messages) == 0 {
		return nil, nil
	}
	if err := b.ask(ctx, w); err != nil {
		return nil, err
	}
	archived := b.judge(w, arrivals)
	if len(archived) > 0 && w.state.Evidence.BeforeStore == 0 {
		w.Log.WarnContext(ctx, "messages whose events were archived are counted and not judged", slog.Int64("store_begins_at", int64(b.first)))
	}
	w.state.Evidence.BeforeStore += int64(len(archived))
	return archived, nil
}

// later returns true for a message that can be read and is not an order's creation.
func (w *work) later(a *arrival) bool {
	e, err := w.decode(a.Message)
	return harmful(err) == nil && e.Said != nil && !e.Said.Creates()
}

// backlog is messages of the backlog that have no event, and what is known of their orders.
type backlog struct {
	messages []int              // their indexes
	keys     map[order.Key]bool // their orders
	created  map[order.Key]bool // orders of which a creation, or what may be one, is among them

	first    order.Position // of the store
	stored   map[order.Key][]order.Event
	excused  []order.Key // the configuration says that they were archived
	begun    []order.Key // have a message from before the store begins
	reaching bool        // the topic has messages from before the store begins
}

func (b *backlog) ask(ctx context.Context, w *work) (err error) {
	keys := slices.Sorted(maps.Keys(b.keys))
	if b.first, err = w.Store.First(ctx); err != nil {
		return err
	}
	if b.begun, err = w.Ledger.BegunBefore(ctx, w.Fingerprint, keys); err != nil {
		return err
	}
	if w.Legacy != nil {
		if b.excused, err = w.Legacy.Archived(ctx, keys); err != nil {
			return err
		}
	}
	b.stored, err = w.Store.Histories(ctx, keys) // last, because an order may be on its way into it
	return err
}

func (b *backlog) judge(w *work, arrivals []arrival) map[int]bool {
	archived := map[int]bool{}
	b.reaching = len(b.begun) > 0 || w.state.Evidence.BeforeStore > 0
	for _, i := range b.messages {
		if a := &arrivals[i]; b.first != order.NoPosition && a.position != order.NoPosition && a.position < b.first {
			archived[i], b.reaching = true, true
			if !slices.Contains(b.begun, a.key) {
				b.begun = append(b.begun, a.key)
				w.step.commit.BegunBefore = append(w.step.commit.BegunBefore, a.key)
			}
		}
	}
	for _, i := range b.messages {
		key := arrivals[i].key
		olderThanTopic := b.reaching && b.first != order.NoPosition && !b.created[key]
		if len(b.stored[key]) == 0 && (olderThanTopic || slices.Contains(b.begun, key) || slices.Contains(b.excused, key)) {
			archived[i] = true
		}
	}
	return archived
}
