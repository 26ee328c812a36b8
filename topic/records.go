package topic

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

const (
	// mostStored is how many bytes of records one answer may have. A broker sends at least one batch, of any size.
	mostStored = 64 << 20
	// mostInflated is how many bytes a compressed batch may have without its compression.
	mostInflated = 64 << 20
	// mostRecords is how many records a batch may have. The library allocates them all before it reads any.
	mostRecords = 1 << 20
	// leastRecord is the size of an empty record.
	leastRecord = 7
)

// errInflated ends reading of a batch that is small only because it is compressed.
var errInflated = fmt.Errorf("it is larger than %d MiB without its compression", mostInflated>>20)

// The library reads a compressed batch of any size into memory. All its codecs are limited here.
func init() {
	for i, codec := range compress.Codecs {
		if codec != nil {
			compress.Codecs[i] = limited{codec}
		}
	}
	protocol.Register(&fetch.Request{}, &answer{})
}

type limited struct{ compress.Codec }

// NewReader limits what the batch may give.
func (l limited) NewReader(r io.Reader) io.ReadCloser {
	return &limitedReader{ReadCloser: l.Codec.NewReader(r), left: mostInflated}
}

type limitedReader struct {
	io.ReadCloser
	left int
}

func (r *limitedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p[:min(len(p), r.left+1)])
	if r.left -= n; r.left < 0 {
		return 0, errInflated
	}
	return n, err
}

// answer is the answer to a fetch, with its records as they are on the wire. The library would inflate all batches of an
// answer at once, and does not say which of them it could not read.
type answer struct {
	ThrottleTimeMs int32         `kafka:"min=v1,max=v11"`
	ErrorCode      int16         `kafka:"min=v7,max=v11"`
	SessionID      int32         `kafka:"min=v7,max=v11"`
	Topics         []answerTopic `kafka:"min=v0,max=v11"`
}

// ApiKey is the request that it answers.
func (*answer) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive,staticcheck // the library's name

type answerTopic struct {
	Topic      string            `kafka:"min=v0,max=v11"`
	Partitions []answerPartition `kafka:"min=v0,max=v11"`
}

type answerPartition struct {
	Partition            int32                       `kafka:"min=v0,max=v11"`
	ErrorCode            int16                       `kafka:"min=v0,max=v11"`
	HighWatermark        int64                       `kafka:"min=v0,max=v11"`
	LastStableOffset     int64                       `kafka:"min=v4,max=v11"`
	LogStartOffset       int64                       `kafka:"min=v5,max=v11"`
	AbortedTransactions  []fetch.ResponseTransaction `kafka:"min=v4,max=v11"`
	PreferredReadReplica int32                       `kafka:"min=v11,max=v11"`
	Records              stored                      `kafka:"min=v0,max=v11"`
}

// stored are batches as the broker stores them, after four bytes for a size.
type stored struct {
	data []byte
	cut  bool // there was more than mostStored
}

// WriteTo is never called; without it the library does not take the type.
func (*stored) WriteTo(io.Writer) (int64, error) { return 0, errors.ErrUnsupported }

// ReadFrom reads the size and the batches. It allocates what came, not what was announced.
func (s *stored) ReadFrom(r io.Reader) (int64, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, fmt.Errorf("reading the size of the records: %w", err)
	}
	size := int64(int32(binary.BigEndian.Uint32(head[:]))) //nolint:gosec // it may be -1
	var b bytes.Buffer
	b.Write(head[:])
	n, err := io.Copy(&b, io.LimitReader(r, min(size, mostStored)))
	if err == nil && size > mostStored {
		var rest int64
		rest, err = io.CopyN(io.Discard, r, size-mostStored)
		n, s.cut = n+rest, true
	}
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if s.data = b.Bytes(); err != nil {
		return 4 + n, fmt.Errorf("reading records: %w", err)
	}
	return 4 + n, nil
}

// Offsets in a batch of the present form, magic 2.
const (
	atLength, atMagic, atChecksum, atAttributes, atLastDelta, atCount, atRecords = 8, 16, 17, 21, 23, 57, 61

	lengthEnd = 12
)

// batchBytes is one stored batch, with four bytes before it.
type batchBytes struct {
	data  []byte
	whole bool
}

// each calls fn for each batch until it returns false.
func (s stored) each(fn func(batchBytes) (bool, error)) error {
	for at := 4; at+atMagic < len(s.data); {
		length := int(int32(binary.BigEndian.Uint32(s.data[at+atLength:]))) //nolint:gosec // checked
		end := at + lengthEnd + length
		if length <= atMagic-lengthEnd {
			return fmt.Errorf("a batch of %d bytes at offset %d is impossible", length, int64(binary.BigEndian.Uint64(s.data[at:]))) //nolint:gosec // for people
		}
		if end > len(s.data) && (at > 4 || !s.cut) {
			return nil // a broker may send a part of the last batch
		}
		b := batchBytes{data: s.data[at-4 : min(end, len(s.data))], whole: end <= len(s.data)}
		if more, err := fn(b); err != nil || !more {
			return err
		}
		at = end
	}
	return nil
}

// int32At reads from the batch.
func (b batchBytes) int32At(at int) int64 {
	return int64(int32(binary.BigEndian.Uint32(b.data[4+at:]))) //nolint:gosec // a signed number
}

func (b batchBytes) first() int64 { return int64(binary.BigEndian.Uint64(b.data[4:])) } //nolint:gosec // a signed number

// present returns true for the present form. Older ones have no header.
func (b batchBytes) present() bool { return b.data[4+atMagic] == 2 && len(b.data) >= 4+atRecords }

// after is the offset after the batch.
func (b batchBytes) after() int64 { return b.first() + b.int32At(atLastDelta) + 1 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errChecksum is returned for bytes that were changed on the way or on the broker's disk. They may come right next time.
var errChecksum = errors.New("checksum mismatch")

// unreadableError is returned for a batch that will never be readable.
type unreadableError struct{ why error }

func (e *unreadableError) Error() string { return e.why.Error() }
func (e *unreadableError) Unwrap() error { return e.why }

// check refuses what the library must not see.
func (b batchBytes) check() error {
	if !b.present() {
		return nil
	}
	count, compressed := b.int32At(atCount), b.data[4+atAttributes+1]&7 != 0
	switch {
	case !b.whole:
		return &unreadableError{fmt.Errorf("it is larger than %d MiB", mostStored>>20)}
	case crc32.Checksum(b.data[4+atAttributes:], castagnoli) != binary.BigEndian.Uint32(b.data[4+atChecksum:]):
		return errChecksum
	case count < 0 || count > mostRecords || !compressed && count*leastRecord > int64(len(b.data)):
		return &unreadableError{fmt.Errorf("it says that it has %d records", count)}
	}
	return nil
}

// decode returns the batch's records.
func (b batchBytes) decode() (_ protocol.RecordReader, err error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil { // the library allocates what a record announces
			err = &unreadableError{fmt.Errorf("it is malformed: %v", r)}
		}
	}()
	binary.BigEndian.PutUint32(b.data, uint32(len(b.data)-4)) //nolint:gosec // below mostStored; the batch before is done
	var set protocol.RecordSet
	_, err = set.ReadFrom(bytes.NewBuffer(b.data))
	if err != nil && b.present() {
		err = &unreadableError{err}
	}
	if err != nil {
		return nil, err
	}
	stream, ok := set.Records.(*protocol.RecordStream)
	if !ok || len(stream.Records) != 1 {
		return set.Records, nil
	}
	return stream.Records[0], nil
}
