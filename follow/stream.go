package follow

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Message is one record of the stream. Its bytes are never written again, but are part of a larger block. Copy them to
// keep a few for long.
type Message struct {
	Partition int
	Offset    int64
	Key       []byte // nil if the producer sets none
	Value     []byte // in the form of order.DecodeMessage; nil for a tombstone
	Time      time.Time
	// Problem is why the message is not in the form that the configuration says; nil if it is. Value has what could be read.
	Problem error
}

// Partition is a partition of the topic, and what can be read of it at one moment.
type Partition struct {
	Partition int
	// First is the oldest offset that the broker still has.
	First int64
	// End is the offset below which everything can be read. Messages of open transactions are not below it.
	End int64
	// Written is the offset below which everything was written, with what is in open transactions or behind them; never below End.
	Written int64
}

// GapKind says why the stream goes on at another offset than the expected one.
type GapKind string

// The kinds of gaps.
const (
	// GapRetention: the broker deleted the messages before they were read.
	GapRetention GapKind = "retention"
	// GapTruncated: the partition ended before the offset, so it lost its end or was created again. It is read again
	// from its first message, and messages may come a second time.
	GapTruncated GapKind = "truncated"
	// GapJump: the broker has messages before and after, and none between. Compaction causes this.
	GapJump GapKind = "jump"
	// GapUnreadable: the broker has the messages in a batch that is too large or malformed.
	GapUnreadable GapKind = "unreadable"
)

// Gap is a finding: messages whose content is not known.
type Gap struct {
	Partition int
	Kind      GapKind
	Expected  int64 // the expected offset
	Got       int64 // the offset at which the partition goes on
}

// Batch is what one fetch from one partition brought.
type Batch struct {
	Partition int
	// Gap comes before the messages; nil if they follow without a hole.
	Gap *Gap
	// Messages are in the order of their offsets. There may be none. Messages of aborted transactions and the broker's
	// own records are left out, without a gap.
	Messages []Message
	// Next is where reading goes on. If it is stored together with the batch's results, nothing is skipped.
	Next int64
	// End is the offset below which everything could be read at that moment. Reading has caught up at Next = End. At
	// most End - Next messages remain; there may be fewer.
	End int64
}

// Range says what to read, offsets by partition.
type Range struct {
	// From is the next offset to read. A partition without one was added to the topic, and is read from offset 0.
	From map[int]int64
	// To is where reading ends, exclusive, for the partitions to read; it is at most their End. nil follows all
	// partitions for ever, including added ones.
	To map[int]int64
}

// Gone returns a gap for each partition that was read from and no longer exists, because the topic was created again with
// fewer partitions.
func Gone(from map[int]int64, exists map[int]bool) []Batch {
	var gaps []Batch
	for _, partition := range slices.Sorted(maps.Keys(from)) {
		if expected := from[partition]; !exists[partition] && expected > 0 {
			gap := &Gap{Partition: partition, Kind: GapTruncated, Expected: expected}
			gaps = append(gaps, Batch{Partition: partition, Gap: gap})
		}
	}
	return gaps
}

// Identified is a Stream that tells a topic from another one that had its name before.
type Identified interface {
	// Identity is what only this topic has; empty if that is not known.
	Identity(context.Context) (string, error)
}

// Stream reads a topic. It writes nothing to the broker: no offsets, no groups, no topic.
type Stream interface {
	// Partitions captures the offsets of all partitions now, in the order of their numbers.
	Partitions(context.Context) ([]Partition, error)
	// Read calls deliver with every batch, in order and one at a time within a partition, concurrently between
	// partitions. It survives a restart of the broker. It returns nil once the range is read, ctx's error when ctx has
	// ended, deliver's error when that has failed, or an error when the broker could not be read for longer than its
	// patience. All its goroutines have ended when it returns. Another Read may deliver the same message again.
	Read(ctx context.Context, r Range, deliver func(context.Context, Batch) error) error
}
