package certificate

import (
	"math/bits"

	"github.com/transparency-dev/merkle/rfc6962"
)

var hasher = rfc6962.DefaultHasher

// rootOf is the root of a tree over hashes. Over the roots of blocks it is the root of all leaves, because a block is a whole
// part of their tree.
func rootOf(hashes [][]byte) []byte {
	switch len(hashes) {
	case 0:
		return hasher.EmptyRoot()
	case 1:
		return hashes[0]
	}
	k := half(len(hashes))
	return hasher.HashChildren(rootOf(hashes[:k]), rootOf(hashes[k:]))
}

// pathOf are the hashes beside the way from a hash up to the root, from below.
func pathOf(i int, hashes [][]byte) [][]byte {
	if len(hashes) == 1 {
		return nil
	}
	k := half(len(hashes))
	if i < k {
		return append(pathOf(i, hashes[:k]), rootOf(hashes[k:]))
	}
	return append(pathOf(i-k, hashes[k:]), rootOf(hashes[:k]))
}

// half is the largest power of two below n, where RFC 6962 divides.
func half(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }
