package source

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestCutsAscend has the widest and the narrowest key spaces: cuts that did not ascend would count keys twice.
func TestCutsAscend(t *testing.T) {
	for _, e := range []verify.Extent{
		{Min: "-9223372036854775808", Max: "9223372036854775807"},
		{Min: "-5", Max: "9223372036854775807"},
		{Min: "1", Max: "9200000"},
		{Min: "7", Max: "8"},
		{Min: "7", Max: "7"},
	} {
		for _, parts := range []int64{2, 7, maxRanges} {
			found, err := cutKeys(order.KeyInteger, e, verify.KeyRange{}, verify.Layout{}, parts)
			if err != nil {
				t.Fatal(err)
			}
			var keys []int64
			for _, c := range found {
				n, err := strconv.ParseInt(c, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				keys = append(keys, n)
			}
			if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) || len(keys) >= int(parts) {
				t.Errorf("%s to %s in %d parts: %d", e.Min, e.Max, parts, keys)
			}
		}
	}
	found, err := cutKeys(order.KeyUUID, verify.Extent{}, verify.KeyRange{}, verify.Layout{}, maxRanges)
	if err != nil || len(found) != maxRanges-1 || !slices.IsSorted(found) || found[0] != "00418937-0000-0000-0000-000000000000" {
		t.Errorf("cuts of uuids are %v, %v", found, err)
	}
}

// TestCutsOfARange asks for cuts inside of it only.
func TestCutsOfARange(t *testing.T) {
	for _, test := range []struct {
		key  order.KeyType
		of   verify.KeyRange
		want string
	}{
		{order.KeyInteger, verify.KeyRange{From: "100", Below: "200"}, "[125 150 175]"},
		{order.KeyInteger, verify.KeyRange{From: "900"}, "[925 950 975]"},
		{order.KeyInteger, verify.KeyRange{Below: "100"}, "[25 50 75]"},
		{order.KeyInteger, verify.KeyRange{From: "2000"}, "[]"}, // all keys were added since
		{order.KeyUUID, verify.KeyRange{From: "00000100-1111-0000-0000-000000000000", Below: "00000200-0000-0000-0000-000000000000"}, "[00000140-0000-0000-0000-000000000000 00000180-0000-0000-0000-000000000000 000001c0-0000-0000-0000-000000000000]"},
		{order.KeyUUID, verify.KeyRange{From: "c0000000-0000-0000-0000-000000000000"}, "[d0000000-0000-0000-0000-000000000000 e0000000-0000-0000-0000-000000000000 f0000000-0000-0000-0000-000000000000]"},
		{order.KeyUUID, verify.KeyRange{From: "00000100-0000-0000-0000-000000000000", Below: "00000101-0000-0000-0000-000000000000"}, "[]"},
	} {
		got, err := cutKeys(test.key, verify.Extent{Min: "0", Max: "1000"}, test.of, verify.Layout{}, 4)
		if err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("%+v: %v, %v; want %s", test.of, got, err, test.want)
		}
	}
}

// TestACopyIsReadHoweverItIsCut cuts one into messages of every size.
func TestACopyIsReadHoweverItIsCut(t *testing.T) {
	copied := []byte(copySignature + "\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x02\x00\x00\x00\x03abc\xff\xff\xff\xff" + "\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01x" + "\xff\xff")
	for size := 1; size <= len(copied); size++ {
		var got []string
		tuples := copyTuples{each: func(columns [][]byte) error {
			for _, c := range columns {
				if c == nil {
					got = append(got, "NULL")
					continue
				}
				got = append(got, string(c))
			}
			return nil
		}}
		for message := range slices.Chunk(copied, size) {
			if n, err := tuples.Write(message); n != len(message) || err != nil {
				t.Fatal(n, err)
			}
		}
		if want := []string{"abc", "NULL", "", "x"}; !slices.Equal(want, got) {
			t.Errorf("in pieces of %d: %q", size, got)
		}
	}
	if _, err := (&copyTuples{}).Write([]byte("1\tabc\n2\tdef\n and so on")); err == nil {
		t.Error("a COPY of text is taken for a binary one")
	}
}

// TestNumeralsAreThoseOfNumerics holds the two ways to read a number against each other.
func TestNumeralsAreThoseOfNumerics(t *testing.T) {
	for text, f := range map[string]order.Fixed{
		"0.0000": {Scale: 4}, "1": {Coefficient: 1}, "10000": {Coefficient: 10000}, "100000000.0001": {Coefficient: 1000000000001, Scale: 4},
		"0.05": {Coefficient: 5, Scale: 2}, "0.00000005": {Coefficient: 5, Scale: 8}, "12345.678": {Coefficient: 12345678, Scale: 3},
	} {
		var parsed cell
		if !parsed.number.parse([]byte(text)) {
			t.Errorf("%s is not read", text)
		}
		var set cell
		if !set.setFixed(order.Numeric, f) || string(set.number.digits) != string(parsed.number.digits) ||
			len(set.number.digits) > 0 && set.number.weight != parsed.number.weight {
			t.Errorf("%s is %+v as text, %+v as a number", text, parsed.number, set.number)
		}
	}
	for _, text := range []string{"", "-", ".5", "5.", "1e3", "1.2.3", "seven", "+1", " 1"} {
		var n numeral
		if n.parse([]byte(text)) {
			t.Errorf("%q is taken for a number", text)
		}
	}
}

// TestTooManyGroupsAreRefused, by both ways to sum digests: a column with a value for each order is no status.
func TestTooManyGroupsAreRefused(t *testing.T) {
	var counted summing
	var folded tally
	for i := range maxGroups + 1 {
		name := strconv.Itoa(i)
		bySQL := counted.add([]verify.Digest{{Group: order.Value{Text: name}, Rows: 1, Sum: "1"}})
		byFold := folded.add(0, false, &cell{text: []byte(name)}, 1)
		if tooMany := i == maxGroups; errors.Is(bySQL, errGroups) != tooMany || errors.Is(byFold, errGroups) != tooMany {
			t.Fatalf("%d groups: %v, and %v", i+1, bySQL, byFold)
		}
	}
}
