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
	// ErrNoStream is returned for a fault of the stream if the lab has no Publisher.
	ErrNoStream = errors.New("the lab publishes to no stream")
	// ErrCannotTruncate is returned if the Publisher is not a Truncater.
	ErrCannotTruncate = errors.New("the stream cannot be truncated")
)

// Message is one event as it is published.
type Message struct {
	Key   []byte // the order's id as text; nil if the producer sets none
	Value []byte // JSON, as the store publishes it
}

// Publisher is the topic that the desk publishes to, in addition to the event store.
//
// Publish returns nil once all messages are stored. Messages with the same key stay in order; those without a key go to
// the partitions in turn. It is safe for concurrent use. It returns soon after ctx has ended, as soon as it knows what
// is stored. An error means that not all of the messages are.
type Publisher interface {
	Publish(ctx context.Context, messages ...Message) error
}

// Truncater is a Publisher whose topic can delete everything published before, as retention does.
type Truncater interface {
	Truncate(ctx context.Context) error
}

const publishBatch = 1000 // messages of the history at once

// newMessage returns the event as it is published, with the order as its key.
func (s *Store) newMessage(id int64, e event) (Message, error) {
	kind, payload, err := s.write(e)
	if err != nil {
		return Message{}, err
	}
	return s.encode(stored{id, e.order, kind, e.at.UTC(), json.RawMessage(payload)})
}

// stored is an event as the store has it.
type stored struct {
	id, order int64
	kind      string
	at        time.Time // in UTC
	payload   json.RawMessage
}

func (s *Store) encode(e stored) (Message, error) {
	value, err := json.Marshal(s.message(e))
	if err != nil {
		return Message{}, fmt.Errorf("encoding message: %w", err)
	}
	return Message{Key: strconv.AppendInt(nil, e.order, 10), Value: value}, nil
}

// publish publishes a stored event, if the lab has a stream. It tries until the event is there.
func (d *Desk) publish(ctx context.Context, id int64, e event) error {
	if d.publisher == nil {
		return nil
	}
	m, err := d.store.newMessage(id, e)
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

// publishHistory publishes the given number of the newest events of the history, and notes the position from which the
// stream is complete.
func (l *Lab) publishHistory(ctx context.Context, events int64) error {
	var last int64
	if err := l.events.QueryRow(ctx, l.Store.newest()).Scan(&last); err != nil {
		return fmt.Errorf("looking for the newest events: %w", err)
	}
	l.streamFrom = max(last-events, 0)
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

// messages returns the stored events between two positions, without the first.
func (l *Lab) messages(ctx context.Context, from, to int64) ([]Message, error) {
	events := "SELECT event_id, order_id, event_type, timestamp, payload::text FROM " + l.Store.Stored +
		" WHERE event_id > $1 AND event_id <= $2 ORDER BY event_id"
	rows, err := l.events.Query(ctx, events, from, to)
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	messages, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Message, error) {
		var e stored
		var payload string
		if err := row.Scan(&e.id, &e.order, &e.kind, &e.at, &payload); err != nil {
			return Message{}, err
		}
		e.at, e.payload = e.at.UTC(), json.RawMessage(payload)
		return l.Store.encode(e)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	return messages, nil
}

// StreamFrom is the position after which every stored event belongs on the stream, once and in order. It starts where
// the lab began to publish. Repair moves it forward if a fault left a mark on the topic, because published messages
// cannot be taken back and deleted ones are gone.
func (l *Lab) StreamFrom() int64 {
	l.planting.Lock()
	defer l.planting.Unlock()
	return l.streamFrom
}
