package follow

import (
	"context"
	"time"
)

// Message is one record of the stream. Its bytes are never written to again, but lie in a larger block with those of
// others: whoever keeps a few for long copies them.
type Message struct {
	Partition int
	Offset    int64
	Key       []byte // nil where the producer sets none
	Value     []byte // nil for a tombstone
	Time      time.Time
}

// Partition is a partition of the topic and what can be read of it at one moment.
type Partition struct {
	Partition int
	// First is the oldest offset that the broker still has.
	First int64
	// End is the offset below which everything can be read: messages of open transactions are not below it.
	End int64
}

// GapKind says why the stream goes on at another offset than the one that was due.
type GapKind string

// The kinds of gaps.
const (
	// GapRetention: the broker deleted the messages before they were read.
	GapRetention GapKind = "retention"
	// GapTruncated: the partition ended before the offset, so it lost its tail or was created again. It is read
	// anew from its first message, and messages may come a second time.
	GapTruncated GapKind = "truncated"
	// GapJump: the broker has messages before and behind, and none between. Compaction does that.
	GapJump GapKind = "jump"
)

// Gap is a finding: messages of which nothing can be said.
type Gap struct {
	Partition int
	Kind      GapKind
	Expected  int64 // the offset that was due
	Got       int64 // the offset at which the partition goes on
}

// Batch is what one fetch from one partition brought.
type Batch struct {
	Partition int
	// Gap lies before the messages; nil where they follow without a hole.
	Gap *Gap
	// Messages are in the order of their offsets. There may be none. Messages of aborted transactions and the
	// broker's own records are not among them, and leave no gap.
	Messages []Message
	// Next is where reading goes on. Whoever stores it together with what the batch led to skips nothing.
	Next int64
	// End is the offset below which everything could be read at that moment. Reading has caught up at Next = End.
	// Messages behind cannot be counted by subtracting, but never are more than End - Next.
	End int64
}

// Range says what to read, offsets by partition.
type Range struct {
	// From is the offset due next. A partition without one was added to the topic, and is read from offset 0.
	From map[int]int64
	// To is where reading ends, exclusive, for the partitions that are to be read, and at most their End; nil
	// follows all of them, those that are added meanwhile too, for ever.
	To map[int]int64
}

// Stream reads a topic. It writes nothing to the broker: no offsets, no groups, no topic.
type Stream interface {
	// Partitions captures the offsets of all partitions now, in the order of their numbers.
	Partitions(context.Context) ([]Partition, error)
	// Read calls deliver with every batch: in order and one at a time within a partition, concurrently between
	// partitions. It survives a broker that restarts. It returns once the range is read (nil), ctx has ended (its
	// error), deliver has failed (that error), or the broker could not be read from for longer than it has
	// patience. All its goroutines have ended by then. The same message may be delivered again by another Read.
	Read(ctx context.Context, r Range, deliver func(context.Context, Batch) error) error
}
