package ledger

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestBitsComeBackAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfN(rapid.OneOf(rapid.Just(byte(0)), rapid.Just(byte(255)), rapid.Byte()), 0, 600).Draw(t, "set")
		written := encodeBits(set)
		if len(written) > len(set)+3 {
			t.Errorf("%d bytes became %d", len(set), len(written))
		}
		if read, err := decodeBits(written); err != nil || !bytes.Equal(read, set) {
			t.Errorf("%x became %x, %v", set, read, err)
		}
	})
	full := bytes.Repeat([]byte{255}, 512)
	if n := len(encodeBits(full)); n > 4 {
		t.Errorf("a bucket without holes takes %d bytes", n)
	}
}

func FuzzDecodeBits(f *testing.F) {
	f.Add([]byte("r\x00\x80\x20"))
	f.Add([]byte("bxyz"))
	f.Add([]byte("r\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := decodeBits(b)
		if err != nil && !errors.Is(err, errBits) {
			t.Error(err)
		}
		if len(set) > maxBits/4+len(b) {
			t.Errorf("%d bytes became %d", len(b), len(set))
		}
	})
}
