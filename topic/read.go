package topic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/follow"
)

// Pauses between attempts.
const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 2 * time.Second
)

// errEndsEarly means that a range cannot be read to its end: the broker recovers, or has lost the end of its log.
var errEndsEarly = errors.New("partition ends early")

// endless is the end of the range of a partition that is followed.
const endless = math.MaxInt64

// Read reads with one goroutine for each partition.
func (t *Topic) Read(ctx context.Context, r follow.Range, deliver func(context.Context, follow.Batch) error) error {
	transport := t.transport()
	defer transport.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	run := func(partition int, from, to int64, size int32) {
		group.Go(func() error {
			reader := partitionReader{
				Topic: t, transport: transport, partition: partition, expected: from, next: from, to: to, size: size, deliver: deliver,
			}
			if err := reader.run(ctx); err != nil {
				return fmt.Errorf("reading partition %d of topic %s: %w", partition, t.config.Topic, err)
			}
			return nil
		})
	}
	if r.To != nil {
		for partition, to := range r.To {
			run(partition, r.From[partition], to, fetchSize(len(r.To)))
		}
		return group.Wait()
	}
	group.Go(func() error { return t.follow(ctx, r.From, run, deliver) })
	return group.Wait()
}

// follow starts a reader for every partition, and for each that is added.
func (t *Topic) follow(ctx context.Context, from map[int]int64, run func(int, int64, int64, int32), deliver func(context.Context, follow.Batch) error) error {
	running := map[int]bool{} // partitions
	watch := time.NewTicker(t.config.WatchEvery)
	defer watch.Stop()
	var outage outage
	defer outage.end()
	for first := true; ; {
		partitions, err := t.Partitions(ctx)
		if err != nil {
			if outage.begin(t.config.Patience) && ctx.Err() == nil {
				t.config.Log.WarnContext(ctx, "partitions cannot be listed, trying again", slog.Any("error", err))
			}
			switch again := !final(err) && outage.pause(ctx); {
			case ctx.Err() != nil:
				return ctx.Err()
			case !again:
				return err
			}
			continue
		}
		outage.end()
		for _, p := range partitions {
			if !running[p.Partition] {
				running[p.Partition] = true
				run(p.Partition, from[p.Partition], endless, fetchSize(len(partitions)))
			}
		}
		if first {
			first = false
			for _, gap := range follow.Gone(from, running) {
				if err := deliver(ctx, gap); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-watch.C:
		}
	}
}

// partitionReader reads one partition and finds out what is missing in it.
type partitionReader struct {
	*Topic
	transport *kafka.Transport
	partition int
	expected  int64 // the next offset; all before it is delivered
	next      int64 // the offset to ask for; after expected while a hole is skipped
	to        int64
	size      int32 // of one fetch
	heavy     bool  // the messages that were fetched have a place among those that are decoded
	deliver   func(context.Context, follow.Batch) error

	refused int // number of consecutive answers with an offset out of range that is within the bounds, or beyond the end
}

func (r *partitionReader) run(ctx context.Context) error {
	var outage outage
	defer outage.end()
	for r.expected < r.to {
		batch, err := r.step(ctx)
		if err == nil && (batch.Gap != nil || batch.Next > r.expected) {
			err := r.deliver(ctx, batch)
			r.delivered()
			if err != nil {
				return err
			}
			r.expected, r.next = batch.Next, batch.Next
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			if outage.end() {
				r.config.Log.InfoContext(ctx, "partition can be read again", slog.Int("partition", r.partition))
			}
			continue
		}
		err = classify(err)
		if outage.begin(r.config.Patience) {
			r.config.Log.WarnContext(ctx, "partition cannot be read, trying again", slog.Int("partition", r.partition), slog.Any("error", err))
		}
		switch again := !final(err) && outage.pause(ctx); {
		case ctx.Err() != nil: // the deadline of a connection is the one of ctx, and may be noticed first
			return ctx.Err()
		case !again:
			return err
		}
	}
	return nil
}

// delivered makes room for others to decode.
func (r *partitionReader) delivered() {
	if r.heavy {
		<-r.decoding
		r.heavy = false
	}
}

// step makes one fetch. Most of its errors are worth another attempt.
func (r *partitionReader) step(ctx context.Context) (follow.Batch, error) {
	f, err := r.fetch(ctx, r.transport, r.partition, r.next, r.to, r.size)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return r.outOfRange(ctx, err)
	}
	if err != nil {
		return follow.Batch{}, err
	}
	r.refused, r.heavy = 0, f.heavy()
	if f.unreadable != nil {
		r.config.Log.WarnContext(ctx, "a batch of messages cannot be read and is passed over", slog.Int("partition", r.partition),
			slog.Int64("offset", r.next), slog.Int64("goes_on_at", f.skipTo), slog.Any("error", f.unreadable))
		return follow.Batch{Partition: r.partition, Gap: r.gap(follow.GapUnreadable, f.skipTo), Next: f.skipTo, End: f.end}, nil
	}
	if f.first < 0 {
		return r.nothing(f)
	}
	messages, err := r.opened(ctx, f)
	if err != nil {
		r.delivered()
		return follow.Batch{}, err
	}
	batch := follow.Batch{Partition: r.partition, Messages: messages, Next: f.next, End: f.end}
	if f.first > r.expected {
		batch.Gap = r.hole(f, f.first)
	}
	return batch, nil
}

// nothing handles an answer without a record of the range. Usually there is none yet.
func (r *partitionReader) nothing(f fetched) (follow.Batch, error) {
	switch {
	case f.beyond:
		r.next = r.to
	case f.batches > 0:
		// The end of the batch was compacted away. Only a request for the offsets after it tells its length.
		r.next++
	case r.to != endless && f.end < r.to:
		return follow.Batch{}, fmt.Errorf("%w: at offset %d, due up to %d", errEndsEarly, f.end, r.to)
	}
	if r.next < r.to {
		return follow.Batch{}, nil
	}
	return follow.Batch{Partition: r.partition, Gap: r.hole(f, r.to), Next: r.to, End: f.end}, nil
}

// hole returns the gap up to an offset, with what the broker says about it.
func (r *partitionReader) hole(f fetched, got int64) *follow.Gap {
	if f.logStart > r.expected {
		return r.gap(follow.GapRetention, got) // deleted between two fetches
	}
	return r.gap(follow.GapJump, got)
}

// outOfRange finds out whether the offset is before or after the partition's messages.
func (r *partitionReader) outOfRange(ctx context.Context, cause error) (follow.Batch, error) {
	var now follow.Partition
	err := r.ask(ctx, "offsets", func(ctx context.Context, c *kafka.Client) error {
		// Messages of open transactions count: an offset among them is not beyond the end.
		found, err := r.bounds(ctx, c, []int{r.partition}, kafka.ReadUncommitted)
		if err == nil {
			now = found[0]
		}
		return err
	})
	if err != nil {
		return follow.Batch{}, err
	}
	batch := follow.Batch{Partition: r.partition, Next: now.First, End: now.End}
	if r.expected < now.First {
		batch.Gap = r.gap(follow.GapRetention, now.First)
		batch.Next = min(now.First, r.to)
		return batch, nil
	}
	if r.refused++; r.refused < maxRefusals || r.expected <= now.End {
		return follow.Batch{}, cause
	}
	r.refused = 0
	batch.Gap = r.gap(follow.GapTruncated, now.First)
	if r.to != endless {
		r.to = min(r.to, now.End)
	}
	return batch, nil
}

func (r *partitionReader) gap(kind follow.GapKind, got int64) *follow.Gap {
	return &follow.Gap{Partition: r.partition, Kind: kind, Expected: r.expected, Got: got}
}

// outage is a time in which every attempt failed.
type outage struct {
	over     *time.Timer // nil while all is well
	attempts int
}

// begin reports whether the outage is new.
func (o *outage) begin(patience time.Duration) bool {
	if o.over != nil {
		return false
	}
	o.over = time.NewTimer(patience)
	return true
}

// end reports whether there was an outage.
func (o *outage) end() bool {
	if o.over == nil {
		return false
	}
	o.over.Stop()
	*o = outage{}
	return true
}

// pause waits for the next attempt. It returns false when patience is over or ctx has ended.
func (o *outage) pause(ctx context.Context) bool {
	pause := time.NewTimer(min(shortestPause<<min(o.attempts, 10), longestPause))
	defer pause.Stop()
	o.attempts++
	select {
	case <-pause.C:
		return true
	case <-o.over.C:
		return false
	case <-ctx.Done():
		return false
	}
}
