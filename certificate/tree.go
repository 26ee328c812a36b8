package certificate

import (
	"crypto/sha256"
	"math/bits"

	"github.com/transparency-dev/merkle/rfc6962"
)

// hash is one of the tree, as RFC 6962 says.
type hash = [sha256.Size]byte

// leafHash hashes a leaf. The buffer is used and returned, so that the next leaf needs no memory.
func leafHash(leaf, buffer []byte) (hash, []byte) {
	buffer = append(append(buffer[:0], rfc6962.RFC6962LeafHashPrefix), leaf...)
	return sha256.Sum256(buffer), buffer
}

func parentOf(left, right hash) hash {
	var both [1 + 2*sha256.Size]byte
	both[0] = rfc6962.RFC6962NodeHashPrefix
	copy(both[1:], left[:])
	copy(both[1+sha256.Size:], right[:])
	return sha256.Sum256(both[:])
}

// rootOf is the root of a tree over hashes. Over the roots of blocks it is the root of all leaves, because a block is a whole
// part of their tree.
func rootOf(hashes []hash) hash {
	switch len(hashes) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return hashes[0]
	}
	k := half(len(hashes))
	return parentOf(rootOf(hashes[:k]), rootOf(hashes[k:]))
}

// pathOf are the hashes beside the way from a hash up to the root, from below.
func pathOf(i int, hashes []hash) [][]byte {
	if len(hashes) == 1 {
		return nil
	}
	k := half(len(hashes))
	path, beside := [][]byte(nil), hash{}
	if i < k {
		path, beside = pathOf(i, hashes[:k]), rootOf(hashes[k:])
	} else {
		path, beside = pathOf(i-k, hashes[k:]), rootOf(hashes[:k])
	}
	return append(path, beside[:])
}

// half is the largest power of two below n, where RFC 6962 divides.
func half(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }
