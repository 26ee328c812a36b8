package propose

import (
	"slices"
	"strings"
	"unicode"
)

// words splits a name into its words in lower case: orderQty and order_qty are order and quantity.
func words(name string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, usual(strings.ToLower(string(word))))
		}
		word = nil
	}
	letters := []rune(name)
	for i, r := range letters {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])):
			end()
		}
		word = append(word, r)
	}
	end()
	return out
}

// usual is the usual word for a short or another one.
func usual(word string) string {
	switch word {
	case "qty", "size", "volume":
		return "quantity"
	case "px":
		return "price"
	case "avg", "mean":
		return "average"
	case "state":
		return "status"
	case "instrument", "ticker", "security":
		return "symbol"
	case "cancelled", "cancelation", "cancellation", "cancel":
		return "canceled"
	case "fill", "fills", "executed", "execution", "trade", "traded", "match", "matched", "exec", "done":
		return "filled"
	case "partial", "partly":
		return "partially"
	case "modified", "changed", "amended", "replaced":
		return "updated"
	case "opened", "new", "placed", "submitted", "received", "registered", "started", "accepted":
		return "created"
	}
	return word
}

// alike says whether two names are the same name in another spelling.
func alike(a, b string) bool { return slices.Equal(words(a), words(b)) }

// has says whether all words of one list are in the other.
func has(in, all []string) bool {
	for _, w := range all {
		if !slices.Contains(in, w) {
			return false
		}
	}
	return len(all) > 0
}

// foremost returns the place of a name in a list of names, the best first; a name that is not in it comes after all.
func foremost(name string, list []string) int {
	plain := strings.Join(words(name), "_")
	for i, l := range list {
		if plain == strings.Join(words(l), "_") {
			return i
		}
	}
	return len(list)
}
