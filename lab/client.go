package lab

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
)

// Client is one client of the trading system, with connections of its own. It looks up for each request where to read and write, as the
// desk does, and tries again while no side takes writes.
type Client struct {
	desk *Desk
}

// NewClient connects to the system that the lab runs. The caller closes the client.
func (l *Lab) NewClient(ctx context.Context) (*Client, error) {
	legacy, err := openPool(ctx, l.LegacyDSN, 8, legacyTimeout)
	if err != nil {
		return nil, err
	}
	events, err := openPool(ctx, l.EventsDSN, 8, 0)
	if err != nil {
		legacy.Close()
		return nil, err
	}
	return &Client{desk: &Desk{
		legacy: legacy, events: events, store: l.Store, publisher: l.Desk.publisher, now: l.Desk.now, log: slog.New(slog.DiscardHandler),
		random: rand.New(rand.NewPCG(l.Desk.seed, 1)), //nolint:gosec // not for secrets
	}}, nil
}

// Close ends the connections.
func (c *Client) Close() {
	c.desk.legacy.Close()
	c.desk.events.Close()
}

// Register is an order whose quantity is a number, to see what becomes of writes. One goroutine writes it, and others may read it.
type Register struct {
	desk  *Desk
	order workingOrder
}

// Enter enters an order with the number 1.
func (c *Client) Enter(ctx context.Context) (*Register, error) {
	var o workingOrder
	err := c.desk.withRandom(func(random *rand.Rand) (err error) {
		o, err = c.desk.draft(ctx, random)
		return err
	})
	if err != nil {
		return nil, err
	}
	o.quantity = unit
	x := create(o, c.desk.after(o))
	if err := c.desk.write(ctx, x); err != nil {
		return nil, err
	}
	return &Register{c.desk, x.after}, nil
}

// Order is the order's number.
func (r *Register) Order() int64 { return r.order.id }

// Swap writes a number that was not written before, and returns the number that the side had before it. An error leaves open whether the
// number was written.
func (r *Register) Swap(ctx context.Context, n int64) (before int64, side string, err error) {
	d, value := r.desk, unit*amount(n)
	x := modify(r.order, 0, value, d.after(r.order))
	r.order.updatedAt = x.after.updatedAt // whatever comes of it, the next write is later
	had := amount(-1)
	err = insist(ctx, func(ctx context.Context) (err error) {
		if side, err = d.setting(ctx, WriteMode); err != nil {
			return err
		}
		now, err := r.stored(ctx, side, quantityThere)
		if err != nil {
			return err
		}
		if now == value && had >= 0 {
			return nil // an earlier attempt wrote it, and its answer was lost
		}
		had = now
		return d.writeAt(ctx, side, x)
	})
	if err != nil {
		return 0, side, fmt.Errorf("writing %d: %w", n, err)
	}
	r.order.quantity = value
	return int64(had / unit), side, nil
}

// Read returns the number as readers see it, and the side that has answered.
func (r *Register) Read(ctx context.Context) (n int64, side string, err error) {
	if side, err = r.desk.setting(ctx, ReadSource); err != nil {
		return 0, "", err
	}
	has, err := r.stored(ctx, side, quantityShown)
	if err != nil {
		return 0, side, err
	}
	return int64(has / unit), side, nil
}

// Statements that read the quantity, at legacy and at the new system. There, what is stored may not be shown yet.
type readings struct{ legacy, events string }

const legacyQuantity = "SELECT quantity::text FROM orders WHERE order_id = $1"

var (
	quantityShown = readings{legacyQuantity, "SELECT quantity::text FROM current_orders WHERE order_id = $1"}
	quantityThere = readings{legacyQuantity, `SELECT coalesce(payload ->> 'new_value', payload ->> 'quantity')::numeric(18, 4)::text FROM {{events}}
		WHERE order_id = $1 AND (event_type = 'OrderCreated' OR event_type = 'OrderModified' AND payload ->> 'field' = 'quantity')
		ORDER BY event_id DESC LIMIT 1`}
)

func (r *Register) stored(ctx context.Context, side string, by readings) (amount, error) {
	ctx, stop := context.WithTimeout(ctx, dealTimeout)
	defer stop()
	from, sql := r.desk.legacy, by.legacy
	if side == EventSourced {
		from, sql = r.desk.events, strings.ReplaceAll(by.events, "{{events}}", r.desk.store.spoken)
	}
	var text string
	if err := from.QueryRow(ctx, sql, r.order.id).Scan(&text); err != nil {
		return 0, fmt.Errorf("reading order %d at %s: %w", r.order.id, side, err)
	}
	return parseAmount(text)
}
