package certificate_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nordvarg/crosscheck/certificate"
	"github.com/nordvarg/crosscheck/order"
)

// stranger has a key of their own, so that nothing which they make fails at the signature.
var stranger = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// forge writes files with a signature that fits.
func forge(t testing.TB, dir string, head, index, blocks []byte) {
	t.Helper()
	put(t, filepath.Join(dir, certificate.HeadFile), head)
	signature := ed25519.Sign(stranger, append([]byte(certificate.Format+"\n"), head...))
	put(t, filepath.Join(dir, certificate.SignatureFile), fmt.Appendf(nil, "%x\n%x\n", stranger.Public(), signature))
	put(t, filepath.Join(dir, certificate.IndexFile), index)
	put(t, filepath.Join(dir, certificate.BlocksFile), blocks)
}

// headOf is the head of an index and of blocks.
func headOf(t testing.TB, kt order.KeyType, names []certificate.Field, orders uint64, root [32]byte, index, blocks []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(index)
	head, err := json.Marshal(certificate.Head{
		Format: certificate.Format, KeyType: kt, Fields: names, Orders: orders, PerBlock: certificate.PerBlock,
		Root: hex.EncodeToString(root[:]), Index: hex.EncodeToString(sum[:]), Bytes: int64(len(blocks)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// line is a block in the index.
func line(key string, size, orders uint64, sum, root [32]byte) []byte {
	to := append(binary.AppendUvarint(nil, uint64(len(key))), key...)
	to = binary.AppendUvarint(binary.AppendUvarint(to, size), orders)
	return append(append(to, sum[:]...), root[:]...)
}

// survives reads everything, and proves nothing that a check would refuse.
func survives(t *testing.T, dir string) {
	t.Helper()
	_, found, err := certificate.Check(dir, nil)
	if err != nil && !errors.Is(err, certificate.ErrFormat) {
		t.Fatal(err)
	}
	c, opened := certificate.Open(dir, nil)
	if opened != nil {
		if err == nil && len(found) == 0 {
			t.Fatalf("it is sound and cannot be opened: %v", opened)
		}
		return
	}
	defer func() { _ = c.Close() }()
	for _, k := range []order.Key{"", "1", "b", "-1"} {
		p, err := c.Prove(k)
		if _, changed := errors.AsType[*certificate.ChangedError](err); err == nil && p.Order.Key != k || err != nil && !changed && !errors.Is(err, certificate.ErrNoOrder) {
			t.Fatalf("order %q: %+v, %v", k, p, err)
		}
	}
}

func FuzzHead(f *testing.F) {
	sound := headOf(f, order.KeyInteger, fields, 0, sha256.Sum256(nil), nil, nil)
	f.Add(sound)
	for was, is := range map[string]string{`"orders":0`: `"orders":18446744073709551615`, `"orders_per_block":256`: `"orders_per_block":9223372036854775808`, "integer": "float", `"fields":[`: `"fields":[{},`} {
		f.Add([]byte(strings.Replace(string(sound), was, is, 1)))
	}
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, head []byte) {
		dir := t.TempDir()
		forge(t, dir, head, nil, nil)
		survives(t, dir)
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(append(line("1", 9, 1, [32]byte{}, [32]byte{}), make([]byte, 32)...), uint64(1))
	f.Add(line("1", 9, 1, [32]byte{}, [32]byte{}), uint64(1))
	f.Add(line("1", math.MaxUint64, 1, [32]byte{}, [32]byte{}), uint64(1))
	f.Add(line("1", 1<<40, 1, [32]byte{}, [32]byte{}), uint64(1))
	f.Add(line("1", 9, 0, [32]byte{}, [32]byte{}), uint64(0))
	f.Add(line("1", 9, math.MaxUint64, [32]byte{}, [32]byte{}), uint64(math.MaxUint64))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, uint64(1)<<62)
	f.Fuzz(func(t *testing.T, index []byte, orders uint64) {
		dir := t.TempDir()
		forge(t, dir, headOf(t, order.KeyText, fields, orders, [32]byte{}, index, []byte("no blocks")), index, []byte("no blocks"))
		survives(t, dir)
	})
}

// FuzzBlock has each content of a block, compressed and not.
func FuzzBlock(f *testing.F) {
	f.Add([]byte("\x05\x01b\x01\x011"), uint8(1), uint8(1), true)
	f.Add([]byte("\x02\x01b\x02\x01c"), uint8(0), uint8(2), true)
	f.Add([]byte{}, uint8(0), uint8(1), true)
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01b"), uint8(3), uint8(1), true)
	f.Add([]byte("\x03\x01b\x07"), uint8(1), uint8(1), true)
	f.Add(make([]byte, 1000), uint8(0), uint8(255), true)
	f.Add([]byte("\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x0f\x00"), uint8(1), uint8(1), false) // a frame of an exabyte
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte, n, orders uint8, compressed bool) {
		if compressed {
			content = encoder.EncodeAll(content, nil)
		}
		block := append(make([]byte, 4*int(orders)), content...)
		index := append(line("b", uint64(len(block)), uint64(orders), sha256.Sum256(block), [32]byte{}), make([]byte, 32)...)
		dir := t.TempDir()
		forge(t, dir, headOf(t, order.KeyText, make([]certificate.Field, n), uint64(orders), [32]byte{}, index, block), index, block)
		survives(t, dir)
	})
}

// TestNoFileOfAStrangerEatsMemory: their sizes are asked for before they are read.
func TestNoFileOfAStrangerEatsMemory(t *testing.T) {
	for name, most := range map[string]int64{certificate.HeadFile: certificate.MaxHead, certificate.SignatureFile: 1 << 10, certificate.IndexFile: certificate.MaxIndex} {
		dir := created(t, order.KeyInteger, numbered(3))
		if err := os.Truncate(filepath.Join(dir, name), most+1); err != nil {
			t.Fatal(err)
		}
		if found := check(t, dir); len(found) != 1 || !strings.Contains(found[0].Error(), fmt.Sprintf("%s was changed: it has %d bytes", name, most+1)) {
			t.Errorf("%s: %v", name, found)
		}
	}
	dir := created(t, order.KeyInteger, nil)
	blocks := filepath.Join(dir, certificate.BlocksFile)
	if err := errors.Join(os.Remove(blocks), os.Mkdir(blocks, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := certificate.Check(dir, nil); !errors.Is(err, certificate.ErrFormat) {
		t.Errorf("a folder in place of a file: %v", err)
	}
}
