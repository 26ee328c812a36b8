// Package certificate writes what a cutover certifies, and proves from these files alone what an order was.
//
// A certificate is a folder: a signed head, an index, and the orders in compressed blocks. The orders are the leaves of one
// Merkle tree, hashed as RFC 6962 says. The head has the tree's root and the hash of the index; the index has the hash of each
// block and the root of its part of the tree. So every byte is covered by the signature, and a proof reads one block.
//
// Invariant: nothing is proven that was not read back and checked up to the signature, and a folder with the name of a
// certificate is complete.
package certificate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

var (
	// ErrExists is returned if there is something where the certificate would be written.
	ErrExists = errors.New("there is a file or folder of that name")
	// ErrOrder is returned if an order cannot be certified: its key comes twice or out of order, or a field could not be read.
	ErrOrder = errors.New("order cannot be certified")
	// ErrFormat is returned for a certificate that this version cannot read.
	ErrFormat = errors.New("not a certificate that this version reads")
	// ErrKey is returned for a file without an ed25519 key.
	ErrKey = errors.New("not an ed25519 key in PEM")
	// ErrNoOrder is returned if a certificate does not have the order.
	ErrNoOrder = errors.New("the certificate does not have this order")
)

// Format is the first field of each head. Another form of any file needs another.
const Format = "crosscheck certificate 1"

// PerBlock is how many orders a block has. It is a power of two, so that a block is a whole part of the tree.
const PerBlock = 256

// Limits. Whoever reads a certificate needs no more memory than they allow, whoever has made it.
const (
	// MaxBlock is how many bytes the orders of a block have at most, before they are compressed.
	MaxBlock = 64 << 20
	// MaxKey is how many bytes a key has at most.
	MaxKey = 8 << 10
	// MaxFields is how many fields an order has at most: as many as PostgreSQL selects at once.
	MaxFields = 1664
	// MaxHead and MaxIndex are how many bytes these files have at most.
	MaxHead, MaxIndex = 16 << 20, 256 << 20

	maxPacked    = MaxBlock + 64<<10 // what cannot be compressed grows a little
	maxSignature = 1 << 10
)

// The files of a certificate.
const (
	HeadFile      = "head.json"
	SignatureFile = "head.sig"
	IndexFile     = "orders.index"
	BlocksFile    = "orders.blocks"
)

// Field is a field of the orders.
type Field struct {
	Name string          `json:"name"`
	Type order.FieldType `json:"type"`
	Expr string          `json:"expression,omitempty"` // how it was read; SQL
}

// Head is what is signed.
type Head struct {
	Format   string        `json:"format"`
	MadeAt   time.Time     `json:"made_at"`
	KeyType  order.KeyType `json:"key_type"`
	Fields   []Field       `json:"fields"`
	Orders   uint64        `json:"orders"`
	PerBlock int           `json:"orders_per_block"`
	Root     string        `json:"merkle_root"`  // hex, SHA-256, RFC 6962
	Index    string        `json:"index_sha256"` // hex, of the whole file
	Bytes    int64         `json:"blocks_bytes"` // of the whole file
	About    any           `json:"about"`        // what the orders are of, and why they were certified
}

// told is a head as it is read: what it is about is shown as it was signed.
func told(content []byte) (Head, error) {
	var about json.RawMessage
	h := Head{About: &about}
	if err := json.Unmarshal(content, &h); err != nil {
		return h, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	h.About = about
	why := ""
	switch {
	case h.Format != Format:
		why = fmt.Sprintf("its format is %q", h.Format)
	case h.PerBlock != PerBlock:
		why = fmt.Sprintf("its blocks have %d orders", h.PerBlock)
	case len(h.Fields) > MaxFields:
		why = fmt.Sprintf("it has %d fields", len(h.Fields))
	case h.KeyType != order.KeyInteger && h.KeyType != order.KeyUUID && h.KeyType != order.KeyText:
		why = fmt.Sprintf("its keys are of type %q", h.KeyType)
	case !isHash(h.Root) || !isHash(h.Index):
		why = "it lacks a hash"
	default:
		return h, nil
	}
	return h, fmt.Errorf("%w: %s", ErrFormat, why)
}

func isHash(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == text
}

// ChangedError says what of a certificate is not as it was signed.
type ChangedError struct {
	File  string `json:"file"`
	Where string `json:"where,omitempty"` // the block and its orders
	// Orders are the keys of those that were changed, as they are now. There are none if the block does not tell.
	Orders []order.Key `json:"orders,omitempty"`
	Why    string      `json:"why"`
}

func (c *ChangedError) Error() string {
	if c.Where == "" {
		return fmt.Sprintf("%s was changed: %s", c.File, c.Why)
	}
	return fmt.Sprintf("%s was changed in %s: %s", c.File, c.Where, c.Why)
}
