package verify

import (
	"context"

	"github.com/nordvarg/crosscheck/order"
)

var (
	_ Tracked  = (*pacedSnapshot)(nil)
	_ Reaching = (*pacedSnapshot)(nil)
	_ Growing  = pacedEvents{}
	_ Placed   = pacedEvents{}
)

// pace is that of a read over everything.
func (n *pacedSnapshot) pace() *Pace {
	return &Pace{Rows: n.pacer.Limits.Chunk(), After: n.pacer.Read, During: n.pacer.Pay}
}

// Mark implements [Tracked].
func (n *pacedSnapshot) Mark(ctx context.Context) (Mark, error) { return markOf(ctx, n.Snapshot) }

// Reach implements [Reaching].
func (n *pacedSnapshot) Reach(ctx context.Context) (Mark, error) { return reachOf(ctx, n.Snapshot) }

// Written implements [Tracked].
func (n *pacedSnapshot) Written(ctx context.Context, since Mark, q WrittenQuery, progress func(rows int64)) (Written, error) {
	q.Pace = n.pace()
	return writtenSince(ctx, n.Snapshot, since, q, progress)
}

// Keyed implements [Tracked].
func (n *pacedSnapshot) Keyed(ctx context.Context, keys []order.Key, h Hash) ([]WrittenRow, error) {
	rows, err := keyed(ctx, n.Snapshot, keys, h)
	if err == nil {
		err = n.pacer.Read(ctx, int64(len(rows)))
	}
	return rows, err
}

func (e pacedEvents) pace() *Pace {
	return &Pace{Rows: e.pacer.Limits.Chunk(), After: e.pacer.Read, During: e.pacer.Pay}
}

// Position implements [Placed].
func (e pacedEvents) Position(ctx context.Context) (Position, error) {
	if store, ok := e.Events.(Placed); ok {
		return store.Position(ctx)
	}
	return Position{}, nil
}

// Mark implements [Growing].
func (e pacedEvents) Mark(ctx context.Context, q EventsQuery) (Mark, error) {
	q.Pace = e.pace()
	if g, ok := e.Events.(Growing); ok {
		return g.Mark(ctx, q)
	}
	return Mark{Unknown: notGrowing}, nil
}

// Written implements [Growing].
func (e pacedEvents) Written(ctx context.Context, since Mark, q EventsQuery) (WrittenEvents, error) {
	q.Pace = e.pace()
	if g, ok := e.Events.(Growing); ok {
		return g.Written(ctx, since, q)
	}
	return WrittenEvents{Now: Mark{Unknown: notGrowing}}, nil
}
