package certificate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// BenchmarkOpen opens a certificate of as many orders as the case study has, which is most of what a proof reads. Only its index is there.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	const orders = 9_200_000
	h := Head{Format: Format, KeyType: order.KeyInteger, Orders: orders, PerBlock: PerBlock, Root: hex.EncodeToString(make([]byte, sha256.Size))}
	var index []byte
	blocks := 0
	for left := orders; left > 0; left -= PerBlock {
		index = appendText(index, strconv.Itoa(orders-left+1))
		index = binary.AppendUvarint(binary.AppendUvarint(index, 12_000), uint64(min(left, PerBlock)))
		index = append(index, make([]byte, 2*sha256.Size)...)
		h.Bytes += 12_000
		if blocks++; blocks%perGroup == 0 || left <= PerBlock {
			index = append(index, make([]byte, sha256.Size)...)
		}
	}
	sum := sha256.Sum256(index)
	h.Index = hex.EncodeToString(sum[:])
	head, err := json.Marshal(h)
	if err != nil {
		b.Fatal(err)
	}
	key, err := NewKey()
	if err != nil {
		b.Fatal(err)
	}
	for name, content := range map[string][]byte{HeadFile: head, SignatureFile: signed(head, key), IndexFile: index, BlocksFile: nil} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		c, err := Open(dir, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
