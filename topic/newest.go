package topic

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/follow"
)

const (
	// newestMessages is how many of the newest messages Newest reads, of all partitions together, and at least a few of
	// each.
	newestMessages, fewestMessages = 1000, 20
	// newestBytes and newestTimeout end it earlier, for messages of megabytes.
	newestBytes   = 256 << 20
	newestTimeout = 20 * time.Second
	// newestPatience is shorter, so that an outage is told with its cause.
	newestPatience = 5 * time.Second
)

// errEnough ends a read that has brought enough.
var errEnough = errors.New("enough was read")

// Newest calls fn for about a thousand of the newest messages, one after another. The messages are not kept.
func (t *Topic) Newest(ctx context.Context, fn func(follow.Message) error) error {
	partitions, err := t.Partitions(ctx)
	if err != nil {
		return err
	}
	return t.newest(ctx, partitions, fn)
}

func (t *Topic) newest(ctx context.Context, partitions []follow.Partition, fn func(follow.Message) error) error {
	each := max(newestMessages/int64(max(len(partitions), 1)), fewestMessages)
	r := follow.Range{From: map[int]int64{}, To: map[int]int64{}}
	for _, p := range partitions {
		if p.End > p.First {
			r.From[p.Partition], r.To[p.Partition] = max(p.First, p.End-each), p.End
		}
	}
	limited, cancel := context.WithTimeout(ctx, newestTimeout)
	defer cancel()
	var one sync.Mutex
	size, read := 0, 0
	hurried := *t
	hurried.config.Patience = min(t.config.Patience, newestPatience)
	err := hurried.Read(limited, r, func(_ context.Context, b follow.Batch) error {
		one.Lock()
		defer one.Unlock()
		for _, m := range b.Messages {
			if size > newestBytes || limited.Err() != nil {
				return errEnough
			}
			if err := fn(m); err != nil {
				return err
			}
			size += len(m.Value)
			read++
		}
		return nil
	})
	if errors.Is(err, errEnough) || read > 0 && limited.Err() != nil && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the newest messages: %w", err)
	}
	return nil
}
