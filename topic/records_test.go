package topic

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"
)

// TestAMalformedBatchIsUnreadable changes a batch with one empty record, and gives it the right checksum.
func TestAMalformedBatchIsUnreadable(t *testing.T) {
	record := []byte{0, 0, 0, 1, 1, 0} // attributes, time, offset, key NULL, value NULL, no headers
	batch := func(count uint32, records ...byte) []byte {
		b := make([]byte, 4+atRecords)
		b[4+atMagic] = 2
		binary.BigEndian.PutUint64(b[4:], 40)
		binary.BigEndian.PutUint32(b[4+atLastDelta:], 2)
		binary.BigEndian.PutUint32(b[4+atCount:], count)
		b = append(b, records...)
		binary.BigEndian.PutUint32(b[4+atLength:], uint32(len(b)-4-lengthEnd))
		binary.BigEndian.PutUint32(b[4+atChecksum:], crc32.Checksum(b[4+atAttributes:], castagnoli))
		return b
	}
	whole := append([]byte{12}, record...)
	for name, test := range map[string]struct {
		data       []byte
		good, hope bool
	}{
		"one record":                 {data: batch(1, whole...), good: true},
		"changed on the way":         {data: append(batch(1, whole...)[:70], 9), hope: true},
		"two thousand million":       {data: batch(2_000_000_000, whole...)},
		"less than none":             {data: batch(0xffffffff, whole...)},
		"headers without end":        {data: batch(1, slices.Concat([]byte{200, 1, 0, 0, 0, 1, 1}, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})...)},
		"records that are not there": {data: batch(1)},
	} {
		_, err := batchBytes{data: slices.Clone(test.data), whole: true}.decode()
		_, hopeless := errors.AsType[*unreadableError](err)
		if test.good != (err == nil) || !test.good && hopeless == test.hope {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b := (batchBytes{data: batch(1, whole...)}); b.first() != 40 || b.after() != 43 {
		t.Errorf("offsets %d to %d", b.first(), b.after())
	}
}

func TestFetchesOfManyPartitionsAreSmall(t *testing.T) {
	for partitions, want := range map[int]int32{0: fetchBytes, 1: fetchBytes, 64: fetchBytes, 128: 512 << 10, 10_000: leastFetch} {
		if got := fetchSize(partitions); got != want {
			t.Errorf("with %d partitions %d bytes, not %d", partitions, got, want)
		}
	}
}
