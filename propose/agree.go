package propose

import (
	"math/big"
	"regexp"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// agreement is how often events say what legacy's row says. Rows are as they are now, so later changes make it less.
type agreement struct {
	of, equal int // orders with both, and those in which they are equal
	scale     int // with which numbers are equal most often
	distinct  int // values of legacy
	meaning   map[string]string
	several   bool // one text stands for several
}

// mostDecimals is the largest scale that is tried.
const mostDecimals = 8

// agreement compares what is at a path with a field of legacy's rows.
func (o *proposer) agreement(f Match, p Path, t EventType) agreement {
	a := agreement{meaning: map[string]string{}}
	var equal [mostDecimals + 1]int
	distinct := map[string]bool{}
	for _, e := range t.Examples {
		value, said := e.Values[p.Path]
		row, known := o.rows[e.Key][f.Name]
		if !said || !known || f.Type == order.Timestamptz {
			continue
		}
		a.of++
		distinct[row] = true
		if before, ok := a.meaning[value]; ok && before != row {
			a.several = true
		}
		a.meaning[value] = row
		if f.Type != order.Numeric && f.Type != order.Integer {
			equal[0] += truth(value == row)
			continue
		}
		scaled, want := number(value), number(row)
		for scale := 0; scale <= mostDecimals && scaled != nil && want != nil; scale++ {
			equal[scale] += truth(scaled.Cmp(want) == 0)
			scaled = new(big.Rat).Quo(scaled, big.NewRat(10, 1))
		}
	}
	for scale, n := range equal {
		if n > a.equal {
			a.equal, a.scale = n, scale
		}
	}
	a.distinct = len(distinct)
	return a
}

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// number reads a decimal; nil if it is none, or too long to be one of an order.
func number(text string) *big.Rat {
	const longest = 60
	if len(text) > longest || !decimal.MatchString(text) {
		return nil
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	return n
}

// meanings are what few texts stand for in legacy; nil if that is not clear.
func (a agreement) meanings() map[string]string {
	const fewest, most = 4, 8
	if a.mapped() < fewest || len(a.meaning) > most {
		return nil
	}
	return a.meaning
}

// mapped is in how many orders the events' text stands for legacy's: in all, or in none.
func (a agreement) mapped() int {
	if a.several {
		return 0
	}
	return a.of
}

// equal is a path that has another name than the field, and nearly always its value.
func (o *proposer) equal(f Match, t EventType, used map[string]bool) (Path, bool) {
	const fewest, distinct = 10, 5
	for _, p := range t.Paths {
		a := o.agreement(f, p, t)
		if !used[p.Path] && fits(f.Type, p) && a.of >= fewest && a.distinct >= distinct && 10*a.equal >= 9*a.of {
			return p, true
		}
	}
	return Path{}, false
}

// near is a path that has some words of the field's name and no others, and its value in some of the orders: later events may have
// changed it in the others.
func (o *proposer) near(f Match, t EventType, used map[string]bool) (Path, bool) {
	const fewest = 4
	for _, p := range t.Paths {
		w := slices.DeleteFunc(pathWords(p), func(word string) bool { return slices.Contains([]string{"data", "amount", "value"}, word) })
		if used[p.Path] || !fits(f.Type, p) || !has(words(f.Name), w) {
			continue
		}
		if a := o.agreement(f, p, t); a.equal >= fewest && a.distinct >= fewest && 4*a.equal >= a.of {
			return p, true
		}
	}
	return Path{}, false
}
