package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	// ErrNoStream is returned for a fault of the stream where the lab was given no Publisher.
	ErrNoStream = errors.New("the lab publishes to no stream")
	// ErrCannotTruncate is returned where the Publisher is no Truncater.
	ErrCannotTruncate = errors.New("the stream cannot be truncated")
)

// Message is one event as it is published.
type Message struct {
	Key   []byte // the order's id as text; nil: the producer sets none
	Value []byte // JSON: event_id, order_id, event_type, timestamp, payload
}

// Publisher is the topic that the desk publishes to, beside the event store.
//
// Publish returns nil once all messages are stored. Messages with the same key stay in their order; those without one
// go round the partitions. It is safe for concurrent use, and returns soon after ctx has ended, once it knows what is
// stored: an error means that not all of the messages are.
type Publisher interface {
	Publish(ctx context.Context, messages ...Message) error
}

// Truncater is a Publisher whose topic can forget, as retention does: everything published before is deleted.
type Truncater interface {
	Truncate(ctx context.Context) error
}

const publishBatch = 1000 // messages of the history at once

// newMessage is the event as it is published: keyed by its order.
func newMessage(id int64, e event) (Message, error) {
	payload, err := e.json()
	if err != nil {
		return Message{}, fmt.Errorf("encoding payload: %w", err)
	}
	return encodeMessage(id, e.order, e.kind, e.at, []byte(payload))
}

func encodeMessage(id, order int64, kind string, at time.Time, payload []byte) (Message, error) {
	value, err := json.Marshal(struct {
		ID      int64           `json:"event_id"`
		Order   int64           `json:"order_id"`
		Kind    string          `json:"event_type"`
		At      string          `json:"timestamp"`
		Payload json.RawMessage `json:"payload"`
	}{id, order, kind, at.UTC().Format("2006-01-02T15:04:05.000000Z"), payload})
	if err != nil {
		return Message{}, fmt.Errorf("encoding message: %w", err)
	}
	return Message{Key: strconv.AppendInt(nil, order, 10), Value: value}, nil
}

// publish puts a stored event on the stream, where there is one; it tries until it is there.
func (d *Desk) publish(ctx context.Context, id int64, e event) error {
	if d.publisher == nil {
		return nil
	}
	m, err := newMessage(id, e)
	if err != nil {
		return err
	}
	for {
		err := d.publishOnce(ctx, m)
		if err == nil {
			return nil
		}
		if !pause(ctx) {
			return fmt.Errorf("publishing %s of order %d: %w", e.kind, e.order, err)
		}
	}
}

func (d *Desk) publishOnce(ctx context.Context, messages ...Message) error {
	ctx, stop := context.WithTimeout(ctx, dealTimeout)
	defer stop()
	return d.publisher.Publish(ctx, messages...)
}

// publishHistory publishes the newest events of the history, as many as are asked for, and notes from where on the
// stream is complete.
func (l *Lab) publishHistory(ctx context.Context, events int64) error {
	const newest = "SELECT coalesce(max(event_id), 0), greatest(coalesce(max(event_id), 0) - $1, 0) FROM event_store"
	var last int64
	if err := l.events.QueryRow(ctx, newest, events).Scan(&last, &l.streamFrom); err != nil {
		return fmt.Errorf("looking for the newest events: %w", err)
	}
	for from := l.streamFrom; from < last && l.Desk.publisher != nil; from += publishBatch {
		messages, err := l.messages(ctx, from, min(from+publishBatch, last))
		if err != nil {
			return err
		}
		if err := l.Desk.publishOnce(ctx, messages...); err != nil {
			return fmt.Errorf("publishing the history: %w", err)
		}
	}
	return nil
}

// messages are the stored events between two positions, the first excluded.
func (l *Lab) messages(ctx context.Context, from, to int64) ([]Message, error) {
	const events = `SELECT event_id, order_id, event_type, timestamp, payload::text FROM event_store
		WHERE event_id > $1 AND event_id <= $2 ORDER BY event_id`
	rows, err := l.events.Query(ctx, events, from, to)
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	messages, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Message, error) {
		var id, order int64
		var kind, payload string
		var at time.Time
		if err := row.Scan(&id, &order, &kind, &at, &payload); err != nil {
			return Message{}, err
		}
		return encodeMessage(id, order, kind, at, []byte(payload))
	})
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	return messages, nil
}

// StreamFrom is the position behind which every stored event belongs on the stream, once, in its order. It is where the
// lab began to publish. Repair moves it forward where a fault left its mark on the topic: what was published cannot be
// taken back, and what retention has deleted is gone.
func (l *Lab) StreamFrom() int64 {
	l.planting.Lock()
	defer l.planting.Unlock()
	return l.streamFrom
}
