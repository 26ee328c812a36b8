package certificate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/klauspost/compress/zstd"
	"github.com/transparency-dev/merkle/proof"

	"github.com/nordvarg/crosscheck/order"
)

// maxBlock is how much memory a block may ask for. An order has at most a gigabyte of text in PostgreSQL.
const maxBlock = 1 << 30

// Certificate is an opened one. Its signature and its index were checked.
type Certificate struct {
	Head   Head
	Signer ed25519.PublicKey

	index   []entry
	blocks  *os.File
	decoder *zstd.Decoder
}

// Open reads head and index. The error is a [ChangedError] if they are not as they were signed. Pinned is who must have signed; nil is
// anybody.
func Open(dir string, pinned ed25519.PublicKey) (*Certificate, error) {
	head, err := os.ReadFile(filepath.Join(dir, HeadFile))
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	signature, err := os.ReadFile(filepath.Join(dir, SignatureFile))
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	c := &Certificate{}
	if c.Signer, err = verified(head, signature, pinned); err != nil {
		return nil, err
	}
	if c.Head, err = told(head); err != nil {
		return nil, err
	}
	index, err := os.ReadFile(filepath.Join(dir, IndexFile))
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	if err := c.readIndex(index); err != nil {
		return nil, err
	}
	if c.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock)); err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	if c.blocks, err = os.Open(filepath.Join(dir, BlocksFile)); err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	return c, nil
}

// Close closes the file of the orders.
func (c *Certificate) Close() error {
	c.decoder.Close()
	return c.blocks.Close()
}

func (c *Certificate) readIndex(index []byte) error {
	if sum := sha256.Sum256(index); hex.EncodeToString(sum[:]) != c.Head.Index {
		return &ChangedError{File: IndexFile, Why: "its hash is not the one in the head"}
	}
	at, orders := int64(0), uint64(0)
	var roots [][]byte
	for r := (cursor{rest: index}); len(r.rest) > 0; {
		e := entry{first: order.Key(r.text()), at: at}
		e.size, e.orders = int64(r.number()), int(r.number()) //nolint:gosec // the signature covers them
		copy(e.sum[:], r.bytes(sha256.Size))
		e.root = r.bytes(sha256.Size)
		if r.bad {
			return &ChangedError{File: IndexFile, Why: "it is not of this format"}
		}
		at, orders = at+e.size, orders+uint64(e.orders) //nolint:gosec // as above
		c.index, roots = append(c.index, e), append(roots, e.root)
	}
	if orders != c.Head.Orders || at != c.Head.Bytes || hex.EncodeToString(rootOf(roots)) != c.Head.Root {
		return &ChangedError{File: IndexFile, Why: "it is not the index of this head"}
	}
	return nil
}

// where names a block by its orders.
func (c *Certificate) where(i int) string {
	e := c.index[i]
	text := fmt.Sprintf("block %d of %d (bytes %d to %d), which has the %d orders from %q", i+1, len(c.index), e.at, e.at+e.size-1, e.orders, e.first)
	if i+1 < len(c.index) {
		text += fmt.Sprintf(" to before %q", c.index[i+1].first)
	}
	return text
}

// block reads the orders of a block and the hashes of its leaves.
func (c *Certificate) block(i int) (rows []order.Row, hashes [][]byte, err error) {
	e := c.index[i]
	changed := func(why string) error { return &ChangedError{File: BlocksFile, Where: c.where(i), Why: why} }
	packed := make([]byte, e.size)
	if n, err := c.blocks.ReadAt(packed, e.at); n < len(packed) {
		return nil, nil, changed(fmt.Sprintf("only %d of its %d bytes are there (%v)", n, len(packed), err))
	}
	if sha256.Sum256(packed) != e.sum {
		return nil, nil, changed("its hash is not the one in the index")
	}
	leaves, err := c.decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, nil, changed(err.Error())
	}
	for r := (cursor{rest: leaves}); len(r.rest) > 0; {
		leaf := r.bytes(r.number())
		row, ok := readLeaf(leaf, len(c.Head.Fields))
		if r.bad || !ok {
			return nil, nil, changed(fmt.Sprintf("its order %d is not of this format", len(rows)+1))
		}
		rows, hashes = append(rows, row), append(hashes, hasher.HashLeaf(leaf))
	}
	if len(rows) != e.orders || rows[0].Key != e.first || !bytes.Equal(rootOf(hashes), e.root) {
		return nil, nil, changed("its orders are not those that the index says")
	}
	return rows, hashes, nil
}

// Proof is that an order is in the tree of a certificate.
type Proof struct {
	Order order.Row
	Index uint64   // of the leaf
	Leaf  []byte   // its hash
	Path  [][]byte // the hashes beside its way to the root, from below; as RFC 6962 has them
}

// Prove finds an order, and proves it up to the signed root. It returns [ErrNoOrder], or a [ChangedError].
func (c *Certificate) Prove(key order.Key) (Proof, error) {
	after := sort.Search(len(c.index), func(i int) bool { return compareKeys(c.Head.KeyType, c.index[i].first, key) > 0 })
	if after == 0 {
		return Proof{}, fmt.Errorf("%w: %s", ErrNoOrder, key)
	}
	rows, hashes, err := c.block(after - 1)
	if err != nil {
		return Proof{}, err
	}
	i := sort.Search(len(rows), func(i int) bool { return compareKeys(c.Head.KeyType, rows[i].Key, key) >= 0 })
	if i == len(rows) || rows[i].Key != key {
		return Proof{}, fmt.Errorf("%w: %s", ErrNoOrder, key)
	}
	p := Proof{Order: rows[i], Index: uint64(after-1)*uint64(c.Head.PerBlock) + uint64(i), Leaf: hashes[i]} //nolint:gosec // not negative
	roots := make([][]byte, len(c.index))
	for i, e := range c.index {
		roots[i] = e.root
	}
	p.Path = append(pathOf(i, hashes), pathOf(after-1, roots)...)
	root, err := hex.DecodeString(c.Head.Root)
	if err == nil {
		err = proof.VerifyInclusion(hasher, p.Index, c.Head.Orders, p.Leaf, p.Path, root)
	}
	if err != nil {
		return Proof{}, &ChangedError{File: IndexFile, Why: err.Error()}
	}
	return p, nil
}

// Check reads everything. It returns all that is not as it was signed; other errors are of reading.
func Check(dir string, pinned ed25519.PublicKey) (h Head, found []*ChangedError, err error) {
	c, err := Open(dir, pinned)
	if changed, ok := errors.AsType[*ChangedError](err); ok {
		return h, []*ChangedError{changed}, nil
	}
	if err != nil {
		return h, nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if is, err := c.blocks.Stat(); err != nil {
		return c.Head, nil, fmt.Errorf("reading a certificate: %w", err)
	} else if is.Size() > c.Head.Bytes {
		found = append(found, &ChangedError{File: BlocksFile, Why: fmt.Sprintf("%d bytes follow the last block", is.Size()-c.Head.Bytes)})
	}
	var last order.Key
	for i := range c.index {
		rows, _, err := c.block(i)
		if changed, ok := errors.AsType[*ChangedError](err); ok {
			found = append(found, changed)
			continue
		}
		for j, r := range rows {
			if i+j > 0 && compareKeys(c.Head.KeyType, last, r.Key) >= 0 {
				found = append(found, &ChangedError{File: BlocksFile, Where: c.where(i), Why: fmt.Sprintf("order %q is not above %q", r.Key, last)})
			}
			last = r.Key
		}
	}
	return c.Head, found, nil
}
