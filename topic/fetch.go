package topic

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

const (
	// fetchWait is how long a broker waits for messages before it answers.
	fetchWait = 500 * time.Millisecond
	// fetchTimeout is for one fetch, including its wait.
	fetchTimeout = 30 * time.Second
	// fetchBytes is the approximate size of one fetch. A larger message is still delivered. With many partitions it is
	// less, so that the fetches of all together are not larger than allFetches.
	fetchBytes, leastFetch, allFetches = 1 << 20, 64 << 10, 64 << 20
	// maxDecoding is how many answers are decoded at once. Each has one batch without its compression in memory.
	maxDecoding = 2
	// heavyBytes of messages are counted as being decoded until they are delivered.
	heavyBytes = 8 << 20
	// arenaBytes is the size of the blocks for copied keys and values.
	arenaBytes = 256 << 10
)

// fetched is the answer to one fetch.
type fetched struct {
	messages []follow.Message
	headers  [][]order.Header // of the messages, if they are to be opened
	next     int64            // after the last record of any kind; the requested offset if there was none
	first    int64            // of the first record of any kind within the range; -1 if there was none
	batches  int              // of records, within the range or not; 0 if the broker had nothing to give, or throttled us
	beyond   bool             // there were records after the range
	logStart int64            // the oldest offset that the broker has; -1 if it does not say
	end      int64            // the last stable offset
	kept     int              // bytes of messages
	// unreadable is a batch at the requested offset that will never be readable, and whose offsets end before skipTo.
	unreadable error
	skipTo     int64
}

// fetchSize is how much to ask for with that many partitions.
func fetchSize(partitions int) int32 {
	return int32(min(fetchBytes, max(leastFetch, allFetches/max(partitions, 1))))
}

// fetch reads committed records of a partition, from an offset up to another one, which is exclusive.
//
// kafka-go's own readers hide what is needed to judge a gap: they jump over an offset that is out of range, deliver
// aborted messages and the broker's own records, and check no checksum. So fetch makes the requests itself.
func (t *Topic) fetch(ctx context.Context, transport *kafka.Transport, partition int, from, to int64, size int32) (fetched, error) {
	p, err := t.stored(ctx, transport, partition, from, size)
	if err != nil {
		return fetched{}, err
	}
	select {
	case t.decoding <- struct{}{}:
	case <-ctx.Done():
		return fetched{}, ctx.Err()
	}
	f := fetched{next: from, first: -1, logStart: p.LogStartOffset, end: p.LastStableOffset}
	err = f.decode(p, to, 4*int(size), t.config.Open != nil)
	if err != nil || !f.heavy() {
		<-t.decoding
	}
	return f, err
}

// heavy messages keep their place among those that are decoded. The caller gives it back.
func (f *fetched) heavy() bool { return f.kept > heavyBytes }

// stored fetches without decoding.
func (t *Topic) stored(ctx context.Context, transport *kafka.Transport, partition int, from int64, size int32) (*answerPartition, error) {
	defer t.observe("fetch")()
	whole, timeout := ctx, t.config.within(fetchTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := transport.RoundTrip(ctx, t.address(), &fetch.Request{
		ReplicaID:      -1,
		MaxWaitTime:    int32(fetchWait.Milliseconds()),
		MinBytes:       1,
		MaxBytes:       size,
		IsolationLevel: int8(kafka.ReadCommitted),
		SessionEpoch:   -1, // no session
		Topics: []fetch.RequestTopic{{
			Topic: t.config.Topic,
			Partitions: []fetch.RequestPartition{{
				Partition: int32(partition), CurrentLeaderEpoch: -1, FetchOffset: from, LogStartOffset: -1, PartitionMaxBytes: size,
			}},
		}},
	})
	if err != nil {
		if unanswered(err) && whole.Err() == nil {
			err = fmt.Errorf("no answer from %s to a fetch from offset %d within %s: %w", t.at(), from, timeout, err)
		}
		return nil, err
	}
	response, ok := found.(*answer)
	switch {
	case !ok:
		return nil, fmt.Errorf("unexpected answer %T", found)
	case response.ErrorCode != 0:
		return nil, kafka.Error(response.ErrorCode)
	case len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1:
		return nil, protocol.ErrNoPartition
	}
	p := &response.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return nil, kafka.Error(p.ErrorCode)
	}
	return p, nil
}

// decode copies the records between f.next and to. It stops after about keep bytes of messages.
func (f *fetched) decode(p *answerPartition, to int64, keep int, headers bool) error {
	d := decoder{fetched: f, partition: int(p.Partition), from: f.next, to: to, withHeaders: headers, transactions: abortedIn(p)}
	return p.Records.each(func(b batchBytes) (more bool, err error) {
		f.batches++
		if f.kept >= keep {
			return false, nil
		}
		records, err := b.decode()
		if bad, ok := errors.AsType[*unreadableError](err); ok {
			if f.first < 0 && b.after() > f.next { // what is before it is delivered first
				f.unreadable, f.skipTo = bad, min(b.after(), to)
			}
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("decoding the batch at offset %d: %w", b.first(), err)
		}
		if records == nil {
			return true, nil
		}
		return d.batch(records)
	})
}

type decoder struct {
	*fetched
	partition    int
	from, to     int64
	withHeaders  bool
	transactions transactions
	arena        []byte
}

// batch takes a batch's records. It returns false if they end for now: after the range, or before a hole. The next
// fetch begins at the hole.
func (d *decoder) batch(batch protocol.RecordReader) (more bool, err error) {
	aborted := false
	control, isControl := batch.(*protocol.ControlBatch)
	if b, ok := batch.(*protocol.RecordBatch); ok {
		aborted = d.transactions.aborted(b)
	}
	for {
		r, err := batch.ReadRecord()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("decoding records: %w", err)
		}
		key, value := d.copied(r.Key), d.copied(r.Value)
		if isControl {
			d.transactions.marker(control.ProducerID, key)
		}
		switch {
		case r.Offset >= d.to:
			d.beyond = true
			return false, nil
		case r.Offset < d.from: // a batch always comes as a whole
			continue
		case d.first < 0:
			d.first = r.Offset
		case r.Offset != d.next:
			return false, nil
		}
		d.next = r.Offset + 1
		d.kept += len(key) + len(value)
		if !isControl && !aborted {
			d.messages = append(d.messages, follow.Message{Partition: d.partition, Offset: r.Offset, Key: key, Value: value, Time: r.Time.UTC()})
			if d.withHeaders {
				d.headers = append(d.headers, headersOf(r.Headers))
			}
		}
	}
}

// headersOf copies the library's headers.
func headersOf(all []protocol.Header) []order.Header {
	out := make([]order.Header, len(all))
	for i, h := range all {
		out[i] = order.Header{Name: h.Key, Value: h.Value}
	}
	return out
}

// copied copies bytes out of the library's pages, which the library uses again.
func (d *decoder) copied(b protocol.Bytes) []byte {
	if b == nil {
		return nil
	}
	defer func() { _ = b.Close() }()
	n := b.Len()
	if n == 0 {
		return []byte{} // not nil: the value exists and is empty
	}
	if n > cap(d.arena)-len(d.arena) {
		d.arena = make([]byte, 0, max(n, arenaBytes))
	}
	start := len(d.arena)
	d.arena = d.arena[:start+n]
	out := d.arena[start : start+n : start+n]
	_, _ = io.ReadFull(b, out) // from memory
	return out
}

// transactions knows which records of an answer belong to aborted transactions.
type transactions struct {
	ahead []fetch.ResponseTransaction // aborted ones that have not begun yet, by offset
	open  map[int64]bool              // producers with an open transaction that will be aborted
}

func abortedIn(p *answerPartition) transactions {
	ahead := slices.SortedFunc(slices.Values(p.AbortedTransactions), func(a, b fetch.ResponseTransaction) int {
		return int(min(max(a.FirstOffset-b.FirstOffset, -1), 1))
	})
	return transactions{ahead: ahead, open: map[int64]bool{}}
}

func (t *transactions) aborted(b *protocol.RecordBatch) bool {
	for len(t.ahead) > 0 && t.ahead[0].FirstOffset <= b.BaseOffset {
		t.open[t.ahead[0].ProducerID] = true
		t.ahead = t.ahead[1:]
	}
	return b.Attributes.Transactional() && t.open[b.ProducerID]
}

// abortMarker is the key of the record that ends an aborted transaction, after its version.
var abortMarker = binary.BigEndian.AppendUint16(nil, 0)

func (t *transactions) marker(producer int64, key []byte) {
	if len(key) >= 4 && bytes.Equal(key[2:4], abortMarker) {
		delete(t.open, producer)
	}
}
