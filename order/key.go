package order

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// longestKey is how many bytes a key has at most. An index of PostgreSQL holds few more, also that of what was found.
const longestKey = 2500

// CanonicalKey returns the key as the store prints it, however a message spells it: "07" is the integer 7, and a UUID
// may have upper-case letters, braces or no hyphens. It returns false for text that is not a key of that type.
func CanonicalKey(t KeyType, text string) (Key, bool) {
	switch t {
	case KeyInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", false
		}
		if text[0] >= '1' && text[0] <= '9' {
			return Key(text), true // nearly all are spelt like this
		}
		return Key(strconv.FormatInt(n, 10)), true
	case KeyUUID:
		return canonicalUUID(text)
	case KeyText:
		if len(text) <= longestKey && !strings.ContainsRune(text, 0) {
			return Key(text), text != ""
		}
	}
	return "", false
}

// canonicalUUID reads what PostgreSQL reads: 32 hexadecimal digits, with optional hyphens between groups of four, and
// optional braces.
func canonicalUUID(text string) (Key, bool) {
	if isCanonicalUUID(text) { // nearly all are
		return Key(text), true
	}
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		if text, ok = strings.CutSuffix(inner, "}"); !ok {
			return "", false
		}
	}
	digits := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) != 16 {
		return "", false
	}
	return Key(strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")), true
}

func isCanonicalUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		switch hyphen := i == 8 || i == 13 || i == 18 || i == 23; {
		case hyphen && c != '-', !hyphen && (c < '0' || c > '9' && c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// fewKeys are looked up one by one.
const fewKeys = 50

// AmongSQL is the condition for rows whose column of a type has one of the keys, and its arguments. Numbers with few gaps are a range
// of the index, which is read faster than thousands of keys one by one. For these, a planner may even prefer to read the whole table.
func AmongSQL(column, columnType string, keys []Key) (condition string, args []any) {
	if slices.Contains([]string{"smallint", "integer", "bigint"}, columnType) {
		if numbers, ok := dense(keys); ok {
			// A test of what IN gives is a lookup in a hash in every plan. An array may be searched one by one, and a join may be planned
			// for a table that was empty.
			return fmt.Sprintf("(%[1]s) >= $2::bigint AND (%[1]s) <= $3::bigint AND ((%[1]s)::bigint IN (SELECT pg_catalog.unnest($1::bigint[]))) IS TRUE", column),
				[]any{numbers, slices.Min(numbers), slices.Max(numbers)}
		}
	}
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = string(key)
	}
	return fmt.Sprintf("(%s) = ANY($1::text[]::%s[])", column, columnType), []any{texts}
}

// dense are many numbers that are keys, if at least half of the numbers between them are keys too.
func dense(keys []Key) ([]int64, bool) {
	if len(keys) < fewKeys {
		return nil, false
	}
	numbers := make([]int64, len(keys))
	for i, k := range keys {
		n, err := strconv.ParseInt(string(k), 10, 64)
		if err != nil {
			return nil, false
		}
		numbers[i] = n
	}
	between := uint64(slices.Max(numbers)) - uint64(slices.Min(numbers)) //nolint:gosec // the difference of any two fits
	return numbers, between < 2*uint64(len(keys))
}
