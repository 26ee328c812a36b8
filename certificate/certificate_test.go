package certificate_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/certificate"
	"github.com/nordvarg/crosscheck/order"
)

var fields = []certificate.Field{{Name: "status", Type: order.Text}, {Name: "price", Type: order.Numeric}}

func key(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	k, err := certificate.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func row(key string, values ...order.Value) order.Row {
	return order.Row{Key: order.Key(key), Values: values}
}

func text(s string) order.Value { return order.Value{Text: s} }

// numbered are orders with the keys 1 to n. Every third has no price.
func numbered(n int) (rows []order.Row) {
	for i := 1; i <= n; i++ {
		price := text(strconv.Itoa(i) + ".50")
		if i%3 == 0 {
			price = order.Null
		}
		rows = append(rows, row(strconv.Itoa(i), text("OPEN"), price))
	}
	return rows
}

// create writes a certificate of rows.
func create(dir string, t order.KeyType, k ed25519.PrivateKey, rows []order.Row) (certificate.Head, error) {
	return certificate.Create(dir, certificate.Head{KeyType: t, Fields: fields}, k, func(add func(order.Row) error) (any, error) {
		for _, r := range rows {
			if err := add(r); err != nil {
				return nil, err
			}
		}
		return map[string]string{"name": "orders-2026"}, nil
	})
}

func created(t testing.TB, kt order.KeyType, rows []order.Row) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "certificate")
	if _, err := create(dir, kt, key(t), rows); err != nil {
		t.Fatal(err)
	}
	return dir
}

func check(t testing.TB, dir string) []*certificate.ChangedError {
	t.Helper()
	_, found, err := certificate.Check(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestEachByteIsCovered changes each byte of each file, in a bit that text may lose and in another. Where the block of a changed order can
// still be read, the order is named.
func TestEachByteIsCovered(t *testing.T) {
	const n = certificate.PerBlock + 20
	dir, told := created(t, order.KeyInteger, numbered(n)), map[string]int{}
	if found := check(t, dir); len(found) > 0 {
		t.Fatal(found)
	}
	for _, name := range []string{certificate.HeadFile, certificate.SignatureFile, certificate.IndexFile, certificate.BlocksFile} {
		file := filepath.Join(dir, name)
		sound, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sound {
			for _, bit := range []byte{0x01, 0x20} {
				changed := slices.Clone(sound)
				changed[i] ^= bit
				put(t, file, changed)
				found := check(t, dir)
				if len(found) != 1 || !strings.Contains(found[0].File, name) {
					t.Fatalf("%s: byte %d was changed, and the check finds %v", name, i, found)
				}
				if name == certificate.BlocksFile && !strings.Contains(found[0].Where, "orders from") {
					t.Fatalf("byte %d: the orders are not named: %v", i, found[0])
				}
				told[named(found[0])]++
			}
		}
		for what, changed := range map[string][]byte{"cut off": sound[:len(sound)-1], "longer": append(slices.Clone(sound), 'x')} {
			put(t, file, changed)
			if found := check(t, dir); len(found) == 0 || !strings.Contains(found[0].File, name) {
				t.Errorf("%s was %s, and the check finds %v", name, what, found)
			}
		}
		put(t, file, sound)
	}
	t.Log(told)
	if told["none of the orders"] < 2*4*n || told["one order"] == 0 || told["the block"] == 0 {
		t.Errorf("of the changed bytes are told %v", told)
	}
}

// named is what a finding names.
func named(c *certificate.ChangedError) string {
	switch {
	case c.File != certificate.BlocksFile:
		return "the file"
	case strings.Contains(c.Why, "its orders are as they were signed"):
		return "none of the orders"
	case len(c.Orders) == 1:
		return "one order"
	case len(c.Orders) > 1:
		return "several orders"
	default:
		return "the block"
	}
}

func put(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEachOrderIsProven, and the root is that of another implementation of the same tree.
func TestEachOrderIsProven(t *testing.T) {
	dirs := t.TempDir()
	k := key(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.OneOf(rapid.Just(order.Null), rapid.Map(rapid.StringN(0, 8, -1), text))
		keys := rapid.SliceOfNDistinct(rapid.StringN(0, 6, -1), 0, 2*certificate.PerBlock+3, rapid.ID[string]).Draw(rt, "keys")
		slices.Sort(keys)
		var rows []order.Row
		for _, name := range keys {
			rows = append(rows, row(name, value.Draw(rt, "status"), value.Draw(rt, "price")))
		}
		n++
		dir := filepath.Join(dirs, strconv.Itoa(n))
		if _, err := create(dir, order.KeyText, k, rows); err != nil {
			rt.Fatal(err)
		}
		c, err := certificate.Open(dir, k.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // as its documentation says
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
		for i, r := range rows {
			p, err := c.Prove(r.Key)
			if err != nil || p.Index != uint64(i) || fmt.Sprint(p.Order.Key, p.Order.Values) != fmt.Sprint(r.Key, r.Values) { //nolint:gosec // not negative
				rt.Fatalf("order %q: %+v, %v", r.Key, p, err)
			}
			if err := tree.Append(p.Leaf, nil); err != nil {
				rt.Fatal(err)
			}
			if beside := r.Key + "\x00"; slices.Contains(keys, string(beside)) {
				continue
			} else if _, err := c.Prove(beside); !errors.Is(err, certificate.ErrNoOrder) {
				rt.Fatalf("beside order %q: %v", r.Key, err)
			}
		}
		root, err := tree.GetRootHash(nil)
		if err != nil {
			rt.Fatal(err)
		}
		if len(rows) == 0 {
			root = rfc6962.DefaultHasher.EmptyRoot()
		}
		if c.Head.Root != hex.EncodeToString(root) {
			rt.Errorf("the root is %s, want %x", c.Head.Root, root)
		}
	})
}

func TestKeysOfEachType(t *testing.T) {
	for kt, keys := range map[order.KeyType][]string{
		order.KeyInteger: {"-10", "-9", "0", "9", "10", "9223372036854775807"},
		order.KeyText:    {"", "10", "9", "A", "a", "é"},
		order.KeyUUID:    {"00000000-0000-0000-0000-000000000009", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	} {
		var rows []order.Row
		for _, k := range keys {
			rows = append(rows, row(k, text(""), order.Null))
		}
		dir := created(t, kt, rows)
		if found := check(t, dir); len(found) > 0 {
			t.Errorf("%s: %v", kt, found)
		}
		c, err := certificate.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			p, err := c.Prove(order.Key(k))
			if err != nil || p.Order.Values[0] != text("") || p.Order.Values[1] != order.Null {
				t.Errorf("%s %q: %+v, %v", kt, k, p, err)
			}
		}
		_ = c.Close()
	}
}

// TestAnEmptyTableHasACertificate, which proves that there was no order.
func TestAnEmptyTableHasACertificate(t *testing.T) {
	dir := created(t, order.KeyInteger, nil)
	if found := check(t, dir); len(found) > 0 {
		t.Error(found)
	}
	c, err := certificate.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Prove("1"); !errors.Is(err, certificate.ErrNoOrder) || fmt.Sprintf("%s", c.Head.About) == "" {
		t.Error(err)
	}
}

// TestNoHalfCertificateIsLeft, neither by its name nor by another.
func TestNoHalfCertificateIsLeft(t *testing.T) {
	large := text(strings.Repeat("x", certificate.MaxBlock/4))
	for what, rows := range map[string][]order.Row{
		"a key twice":        {row("1", order.Null, order.Null), row("1", order.Null, order.Null)},
		"keys out of order":  {row("10", order.Null, order.Null), row("9", order.Null, order.Null)},
		"an unreadable one":  {row("1", order.Value{Text: "cannot be read", Failed: true}, order.Null)},
		"one without fields": {row("1")},
		"a long key":         {row(strings.Repeat("k", certificate.MaxKey+1), order.Null, order.Null)},
		"a large block":      {row("1", large, large), row("2", large, large)},
	} {
		parent := t.TempDir()
		if _, err := create(filepath.Join(parent, "c"), order.KeyInteger, key(t), rows); !errors.Is(err, certificate.ErrOrder) {
			t.Errorf("%s: %v", what, err)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
			t.Errorf("%s leaves %v, %v", what, left, err)
		}
	}
	dir := created(t, order.KeyInteger, nil)
	if _, err := create(dir, order.KeyInteger, key(t), nil); !errors.Is(err, certificate.ErrExists) {
		t.Errorf("over another certificate: %v", err)
	}
}

// TestTheLargestBlockIsRead again.
func TestTheLargestBlockIsRead(t *testing.T) {
	large := text(strings.Repeat("x", certificate.MaxBlock/2-100))
	if found := check(t, created(t, order.KeyInteger, []order.Row{row("1", large, large)})); len(found) > 0 {
		t.Error(found)
	}
}

// TestProofsThroughGroups has more blocks than a group of the index.
func TestProofsThroughGroups(t *testing.T) {
	const n = 257*certificate.PerBlock + 3
	c, err := certificate.Open(created(t, order.KeyInteger, numbered(n)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, i := range []int{1, 256 * certificate.PerBlock, 256*certificate.PerBlock + 1, n} {
		if p, err := c.Prove(order.Key(strconv.Itoa(i))); err != nil || p.Index != uint64(i-1) { //nolint:gosec // not negative
			t.Errorf("order %d: %d, %v", i, p.Index, err)
		}
	}
}

// TestOnlyThePinnedKeyIsAccepted: everything can be signed again with another.
func TestOnlyThePinnedKeyIsAccepted(t *testing.T) {
	mine, other := key(t), key(t)
	dir := filepath.Join(t.TempDir(), "c")
	if _, err := create(dir, order.KeyInteger, other, numbered(3)); err != nil {
		t.Fatal(err)
	}
	public := mine.Public().(ed25519.PublicKey) //nolint:forcetypeassert // as its documentation says
	if _, found, err := certificate.Check(dir, public); err != nil || len(found) != 1 || !strings.Contains(found[0].Why, "the given key is") {
		t.Errorf("signed with another key: %v, %v", found, err)
	}
	written, err := certificate.PublicPEM(public)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := certificate.ReadPublicKey([]byte(written)); err != nil || !got.Equal(public) {
		t.Errorf("the public key is read as %x, %v", got, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(mine)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := certificate.ReadPrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil || !got.Equal(mine) {
		t.Errorf("the private key is read as another, %v", err)
	}
	if _, err := certificate.ReadPrivateKey([]byte(written)); !errors.Is(err, certificate.ErrKey) {
		t.Errorf("a public key as a private one: %v", err)
	}
}
