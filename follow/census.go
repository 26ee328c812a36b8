package follow

import (
	"bytes"
	"context"

	"github.com/nordvarg/crosscheck/order"
)

// Census finds out how many messages can be read. It is not safe for concurrent use.
type Census struct {
	Rules   *order.Rules
	KeyType order.KeyType
	IDType  order.KeyType // as in [Follower]
	// Store reads messages of old versions as it reads its own events; nil if there are no old versions.
	Store Upcaster

	count   order.Census
	pending []pendingMessage // cannot be read in their own form
	size    int              // bytes in pending
}

type pendingMessage struct {
	raw order.RawEvent
	is  order.EventType
	err error // why it cannot be read in its own form
}

// pendingBytes is how much may wait to be read as the store reads its events.
const pendingBytes = 16 << 20

// Add counts one message.
func (c *Census) Add(ctx context.Context, m Message) error {
	e, err := decodeMessage(m, c.Rules, c.KeyType, c.IDType)
	raw, whole := order.ReadMessage(m.Value, c.Rules)
	switch {
	case c.Rules.PassesOver(m.Value, e):
		c.count.Ignore(string(e.Type), 1)
	case err == nil || m.Problem != nil || c.Store == nil || !whole || len(raw.Payload) > order.MaxPayload:
		c.count.Add(string(e.Type), err, "")
	default:
		raw.Payload = bytes.Clone(raw.Payload)
		c.pending = append(c.pending, pendingMessage{raw, e.Type, err})
		if c.size += len(raw.Payload); c.size > pendingBytes {
			return c.reread(ctx)
		}
	}
	return nil
}

// Done counts what was waiting, and returns the result.
func (c *Census) Done(ctx context.Context) (*order.Census, error) {
	err := c.reread(ctx)
	return &c.count, err
}

// reread reads messages as the store would read them if they were stored.
func (c *Census) reread(ctx context.Context) error {
	if len(c.pending) == 0 {
		return nil
	}
	asked := make([]order.RawEvent, len(c.pending))
	for i, p := range c.pending {
		asked[i] = p.raw
	}
	if err := c.place(ctx, asked); err != nil {
		return err
	}
	found, err := c.Store.Upcast(ctx, asked)
	if err != nil {
		return err
	}
	for i, p := range c.pending {
		for _, u := range found[i] {
			if e, err := order.Decode(u.Event, c.Rules); harmful(err) == nil {
				p.err, p.is = nil, e.Type
				break
			}
		}
		c.count.Add(string(p.is), p.err, "")
	}
	c.pending, c.size = nil, 0
	return nil
}

// place finds out where the events of messages are stored, if messages do not say it.
func (c *Census) place(ctx context.Context, asked []order.RawEvent) error {
	store, ok := c.Store.(Finder)
	if c.IDType == "" || !ok {
		return nil
	}
	var ids []order.ID
	for i := range asked {
		if id, ok := canonicalID(c.IDType, asked[i].ID); ok {
			asked[i].ID = id
			ids = append(ids, id)
		}
	}
	at, err := positionsOf(ctx, store, ids)
	for i, raw := range asked {
		if position, found := at[raw.ID]; found {
			asked[i].Position = position
		}
	}
	return err
}
