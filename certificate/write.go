package certificate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/nordvarg/crosscheck/order"
)

// builder makes blocks and index of orders that come in their order. Its memory is that of one block and of the index.
type builder struct {
	keyType order.KeyType
	fields  int
	to      io.Writer
	encoder *zstd.Encoder

	first, last order.Key
	block       []byte // the leaves, each with its length before it
	hashes      []hash // of the leaves in the block
	leaf        []byte
	hashed      []byte // the buffer of leafHash
	packed      []byte
	index       []byte
	roots       []hash // of the blocks in the group
	groups      []hash // the roots of all groups before
	orders      uint64
	bytes       int64
}

func newBuilder(t order.KeyType, fields int, to io.Writer) (*builder, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	return &builder{keyType: t, fields: fields, to: to, encoder: encoder}, err
}

func (b *builder) add(r order.Row) (err error) {
	if len(r.Values) != b.fields || b.orders > 0 && compareKeys(b.keyType, b.last, r.Key) >= 0 {
		return fmt.Errorf("%w: %q comes after %q, with %d fields", ErrOrder, r.Key, b.last, len(r.Values))
	}
	if b.leaf, err = appendLeaf(b.leaf[:0], r); err != nil {
		return err
	}
	switch {
	case len(r.Key) > MaxKey:
		return fmt.Errorf("%w: a key has %d bytes, and may have %d", ErrOrder, len(r.Key), MaxKey)
	case len(b.block)+len(b.leaf)+binary.MaxVarintLen64 > MaxBlock:
		return fmt.Errorf("%w: with %q, the %d orders of a block have more than %d bytes", ErrOrder, r.Key, len(b.hashes)+1, MaxBlock)
	}
	if len(b.hashes) == 0 {
		b.first = r.Key
	}
	b.last = r.Key
	b.block = appendText(b.block, b.leaf)
	var h hash
	h, b.hashed = leafHash(b.leaf, b.hashed)
	b.hashes = append(b.hashes, h)
	b.orders++
	if len(b.hashes) == PerBlock {
		return b.seal()
	}
	return nil
}

// seal ends a block.
func (b *builder) seal() error {
	if len(b.hashes) == 0 {
		return nil
	}
	b.packed = b.packed[:0]
	for _, h := range b.hashes {
		b.packed = append(b.packed, h[:beginning]...)
	}
	b.packed = b.encoder.EncodeAll(b.block, b.packed)
	if _, err := b.to.Write(b.packed); err != nil {
		return fmt.Errorf("writing %d orders: %w", len(b.hashes), err)
	}
	e := entry{first: []byte(b.first), size: int64(len(b.packed)), orders: len(b.hashes), sum: sha256.Sum256(b.packed), root: rootOf(b.hashes)}
	b.index = e.append(b.index)
	if b.roots = append(b.roots, e.root); len(b.roots) == perGroup {
		b.sealGroup()
	}
	b.bytes += e.size
	b.block, b.hashes = b.block[:0], b.hashes[:0]
	if len(b.index) > MaxIndex {
		return fmt.Errorf("%w: up to %q, the index has more than %d bytes", ErrOrder, b.last, MaxIndex)
	}
	return nil
}

// perGroup is how many blocks of the index are followed by the root of their part of the tree. A proof hashes only the blocks of its group,
// and the groups.
const perGroup = 256

// sealGroup ends a group of blocks.
func (b *builder) sealGroup() {
	if len(b.roots) == 0 {
		return
	}
	root := rootOf(b.roots)
	b.groups, b.roots = append(b.groups, root), b.roots[:0]
	b.index = append(b.index, root[:]...)
}

// beginning is how many bytes of each leaf's hash a block has before its orders. They say which order was changed.
const beginning = 4

// entry is a block in the index.
type entry struct {
	first  []byte // the key of its first order; a part of the index, if it was read
	at     int64  // where the block begins; told by those before
	size   int64
	orders int
	sum    hash // of the block as it is in the file
	root   hash
}

func (e entry) append(to []byte) []byte {
	to = appendText(to, e.first)
	to = binary.AppendUvarint(to, uint64(e.size))   //nolint:gosec // a length
	to = binary.AppendUvarint(to, uint64(e.orders)) //nolint:gosec // a number of orders
	return append(append(to, e.sum[:]...), e.root[:]...)
}

// Create writes a certificate. Rows calls its argument for each order, sorted by key, and returns what the certificate is about.
// The folder appears when everything is on the disk; after an error or a crash there is none of that name.
func Create(dir string, h Head, key ed25519.PrivateKey, rows func(func(order.Row) error) (about any, err error)) (_ Head, err error) {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return h, fmt.Errorf("writing the certificate %s: %w", dir, ErrExists)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".part-")
	if err != nil {
		return h, fmt.Errorf("writing a certificate: %w", err)
	}
	defer os.RemoveAll(part)
	if h, err = fill(part, h, key, rows); err != nil {
		return h, fmt.Errorf("writing the certificate %s: %w", dir, err)
	}
	for _, step := range []func() error{
		func() error { return os.Chmod(part, 0o700) },
		func() error { return synced(part) },
		func() error { return os.Rename(part, dir) },
		func() error { return synced(filepath.Dir(dir)) },
	} {
		if err := step(); err != nil {
			return h, fmt.Errorf("writing the certificate %s: %w", dir, err)
		}
	}
	return h, nil
}

// fill writes the files of a certificate into a folder.
func fill(dir string, h Head, key ed25519.PrivateKey, rows func(func(order.Row) error) (any, error)) (Head, error) {
	h.Format, h.PerBlock = Format, PerBlock
	err := written(filepath.Join(dir, BlocksFile), func(to io.Writer) error {
		b, err := newBuilder(h.KeyType, len(h.Fields), to)
		if err != nil {
			return err
		}
		if h.About, err = rows(b.add); err != nil {
			return err
		}
		if err := b.seal(); err != nil {
			return err
		}
		b.sealGroup()
		sum, root := sha256.Sum256(b.index), rootOf(b.groups)
		h.Orders, h.Bytes, h.Root, h.Index = b.orders, b.bytes, hex.EncodeToString(root[:]), hex.EncodeToString(sum[:])
		return written(filepath.Join(dir, IndexFile), put(b.index))
	})
	if err != nil {
		return h, err
	}
	var head bytes.Buffer
	e := json.NewEncoder(&head)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(h); err != nil {
		return h, fmt.Errorf("encoding the head: %w", err)
	}
	if head.Len() > MaxHead {
		return h, fmt.Errorf("%w: the head has %d bytes, and may have %d", ErrFormat, head.Len(), MaxHead)
	}
	if _, err := told(head.Bytes()); err != nil {
		return h, err
	}
	if err := written(filepath.Join(dir, SignatureFile), put(signed(head.Bytes(), key))); err != nil {
		return h, err
	}
	return h, written(filepath.Join(dir, HeadFile), put(head.Bytes()))
}

func put(content []byte) func(io.Writer) error {
	return func(to io.Writer) error {
		_, err := to.Write(content)
		return err
	}
}

// written makes a file whose content is on the disk.
func written(name string, content func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = content(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// synced writes a folder's names to the disk.
func synced(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
