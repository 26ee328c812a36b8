package certificate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/nordvarg/crosscheck/order"
)

// Certificate is an opened one. Its signature and its index were checked.
type Certificate struct {
	Head   Head
	Signer ed25519.PublicKey

	index   []entry
	groups  []hash
	blocks  *os.File
	decoder *zstd.Decoder

	leaves, hashed []byte // buffers
}

// Open reads head and index. The error is a [ChangedError] if they are not as they were signed. Pinned is who must have signed; nil is
// anybody.
func Open(dir string, pinned ed25519.PublicKey) (*Certificate, error) {
	head, err := read(dir, HeadFile, MaxHead)
	if err != nil {
		return nil, err
	}
	signature, err := read(dir, SignatureFile, maxSignature)
	if err != nil {
		return nil, err
	}
	c := &Certificate{}
	if c.Signer, err = verified(head, signature, pinned); err != nil {
		return nil, err
	}
	if c.Head, err = told(head); err != nil {
		return nil, err
	}
	index, err := read(dir, IndexFile, MaxIndex)
	if err != nil {
		return nil, err
	}
	if err := c.readIndex(index); err != nil {
		return nil, err
	}
	if c.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBlock)); err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	if c.blocks, err = open(dir, BlocksFile); err != nil {
		c.decoder.Close()
		return nil, err
	}
	return c, nil
}

// open opens a file of a certificate. What is no file, such as a pipe, might never end.
func open(dir, name string) (*os.File, error) {
	path := filepath.Join(dir, name)
	switch is, err := os.Stat(path); {
	case err != nil:
		return nil, fmt.Errorf("reading a certificate: %w", err)
	case !is.Mode().IsRegular():
		return nil, fmt.Errorf("reading a certificate: %w: %s is not a file", ErrFormat, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	return f, nil
}

// read reads a file that may have so many bytes.
func read(dir, name string, most int64) (content []byte, err error) {
	f, err := open(dir, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	is, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading a certificate: %w", err)
	case is.Size() > most:
		return nil, &ChangedError{File: name, Why: fmt.Sprintf("it has %d bytes, and may have %d", is.Size(), most)}
	}
	content = make([]byte, is.Size())
	if _, err := io.ReadFull(f, content); err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	return content, nil
}

// Close closes the file of the orders.
func (c *Certificate) Close() error {
	c.decoder.Close()
	return c.blocks.Close()
}

// readIndex reads the index while it is hashed, because both take as long. Nothing that was read counts before the hash is the one in the head.
func (c *Certificate) readIndex(index []byte) error {
	hashed := make(chan hash, 1)
	go func() { hashed <- sha256.Sum256(index) }()
	err := c.parseIndex(index)
	if sum := <-hashed; hex.EncodeToString(sum[:]) != c.Head.Index {
		return &ChangedError{File: IndexFile, Why: "its hash is not the one in the head"}
	}
	return err
}

// parseIndex takes nothing of the index for granted: its hash says only that it is what somebody has signed.
func (c *Certificate) parseIndex(index []byte) error {
	blocks := c.Head.Orders / PerBlock
	if c.Head.Orders%PerBlock > 0 {
		blocks++
	}
	const least = 1 + 1 + 2 + 2*sha256.Size // bytes of a block in the index
	if blocks > uint64(len(index))/(least-1) {
		return &ChangedError{File: IndexFile, Why: "it is too short for its orders"}
	}
	c.index = make([]entry, 0, blocks)
	at, left := int64(0), c.Head.Orders
	for r := (cursor{rest: index}); len(r.rest) > 0; {
		e, ok := r.entry(at)
		if !ok || uint64(e.orders) != min(left, PerBlock) { //nolint:gosec // at most PerBlock
			return &ChangedError{File: IndexFile, Why: fmt.Sprintf("its block %d is not of this format", len(c.index)+1)}
		}
		at, left = at+e.size, left-uint64(e.orders) //nolint:gosec // as above
		c.index = append(c.index, e)
		if left == 0 || len(c.index)%perGroup == 0 {
			var root hash
			if copy(root[:], r.bytes(sha256.Size)) == 0 {
				return &ChangedError{File: IndexFile, Why: "it is too short for its groups"}
			}
			c.groups = append(c.groups, root)
		}
	}
	if left > 0 || at != c.Head.Bytes {
		return &ChangedError{File: IndexFile, Why: "it is not the index of this head"}
	}
	return nil
}

// entry reads a block of the index.
func (c *cursor) entry(at int64) (e entry, ok bool) {
	e = entry{first: c.bytes(c.number()), at: at}
	size, orders := c.number(), c.number()
	copy(e.sum[:], c.bytes(sha256.Size))
	copy(e.root[:], c.bytes(sha256.Size))
	if c.bad || len(e.first) > MaxKey || orders < 1 || orders > PerBlock || size < orders*beginning || size > maxPacked {
		return e, false
	}
	e.size, e.orders = int64(size), int(orders) //nolint:gosec // bounded above
	return e, true
}

// group returns the roots of the blocks in a group.
func (c *Certificate) group(g int) []hash {
	of := c.index[g*perGroup : min((g+1)*perGroup, len(c.index))]
	roots := make([]hash, len(of))
	for i, e := range of {
		roots[i] = e.root
	}
	return roots
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
func (c *Certificate) block(i int) (rows []order.Row, hashes []hash, err error) {
	e := c.index[i]
	changed := func(why string) error { return &ChangedError{File: BlocksFile, Where: c.where(i), Why: why} }
	packed := make([]byte, e.size)
	if n, err := c.blocks.ReadAt(packed, e.at); n < len(packed) {
		return nil, nil, changed(fmt.Sprintf("only %d of its %d bytes are there (%v)", n, len(packed), err))
	}
	rows, hashes, err = c.unpack(e, packed)
	switch {
	case sha256.Sum256(packed) != e.sum:
		return nil, nil, c.damage(i, packed, rows, hashes)
	case err != nil:
		return nil, nil, changed(err.Error())
	case len(rows) != e.orders || rows[0].Key != order.Key(e.first) || rootOf(hashes) != e.root:
		return nil, nil, changed("its orders are not those that the index says")
	}
	return rows, hashes, nil
}

// unpack returns the orders up to the first that cannot be read.
func (c *Certificate) unpack(e entry, packed []byte) (rows []order.Row, hashes []hash, err error) {
	if c.leaves, err = c.decoder.DecodeAll(packed[e.orders*beginning:], c.leaves[:0]); err != nil {
		return nil, nil, err
	}
	for r := (cursor{rest: c.leaves}); len(r.rest) > 0; {
		leaf := r.bytes(r.number())
		row, ok := readLeaf(leaf, len(c.Head.Fields))
		if r.bad || !ok || len(rows) == e.orders {
			return rows, hashes, fmt.Errorf("its order %d is not of this format", len(rows)+1)
		}
		var h hash
		h, c.hashed = leafHash(leaf, c.hashed)
		rows, hashes = append(rows, row), append(hashes, h)
	}
	return rows, hashes, nil
}

// damage says what of a changed block was changed: the orders whose hash is another than the block says, if all can still be read.
func (c *Certificate) damage(i int, packed []byte, rows []order.Row, hashes []hash) error {
	e := c.index[i]
	d := &ChangedError{File: BlocksFile, Where: c.where(i), Why: "its hash is not the one in the index"}
	if len(rows) != e.orders {
		return d
	}
	if rootOf(hashes) == e.root {
		d.Why += "; its orders are as they were signed, and only what says which order was changed is not"
		return d
	}
	for j, h := range hashes {
		if !bytes.Equal(h[:beginning], packed[j*beginning:(j+1)*beginning]) {
			d.Orders = append(d.Orders, rows[j].Key)
		}
	}
	if len(d.Orders) > 0 {
		const named = 3
		texts := make([]string, 0, named)
		for _, key := range d.Orders[:min(named, len(d.Orders))] {
			texts = append(texts, fmt.Sprintf("%q", key))
		}
		d.Why += fmt.Sprintf("; %d of its orders were changed: %s", len(d.Orders), strings.Join(texts, ", "))
	}
	return d
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
	after := sort.Search(len(c.index), func(i int) bool { return compareKeys(c.Head.KeyType, order.Key(c.index[i].first), key) > 0 })
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
	p := Proof{Order: rows[i], Index: uint64(after-1)*PerBlock + uint64(i), Leaf: hashes[i][:]} //nolint:gosec // not negative
	g := (after - 1) / perGroup
	p.Path = slices.Concat(pathOf(i, hashes), pathOf((after-1)%perGroup, c.group(g)), pathOf(g, c.groups))
	root, err := hex.DecodeString(c.Head.Root)
	if err == nil {
		err = proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, c.Head.Orders, p.Leaf, p.Path, root)
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
	found = append(found, c.checkGroups()...)
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

// checkGroups recomputes the tree over the blocks.
func (c *Certificate) checkGroups() (found []*ChangedError) {
	for g, root := range c.groups {
		if rootOf(c.group(g)) != root {
			found = append(found, &ChangedError{File: IndexFile, Why: fmt.Sprintf("the root of its group %d is not that of its blocks", g+1)})
		}
	}
	if root := rootOf(c.groups); hex.EncodeToString(root[:]) != c.Head.Root {
		found = append(found, &ChangedError{File: IndexFile, Why: "its root is not the one in the head"})
	}
	return found
}
