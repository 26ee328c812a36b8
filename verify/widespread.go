package verify

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Symptom is one way in which an order can differ.
type Symptom struct {
	Hop   order.Hop    `json:"hop"`
	Kind  compare.Kind `json:"kind"`            // or FlawedHistory
	Field string       `json:"field,omitempty"` // that differs
}

// FlawedHistory is the kind of the symptom that an order's events cannot be read or applied.
const FlawedHistory compare.Kind = "flawed"

// Widespread is a symptom that most orders have. It is more likely to be a mistake in the configuration than a fault of
// so many orders. So it is told once, and only examples are recorded.
type Widespread struct {
	Symptom

	Share float64 `json:"share"` // of the orders that could have it, estimated
	// Precision says that one end keeps the field's times less precisely than the other; empty if not.
	Precision string `json:"precision,omitempty"`
}

const (
	// manyOrders is the least size of a table in which something can be widespread. Of a smaller table every order that
	// differs is recorded.
	manyOrders = 1000
	// most is the share of orders above which a symptom is widespread.
	most = 0.5
	// recorded is how many examples are recorded of orders with the same symptoms.
	recorded = 3
	// distinguished limits how many combinations of symptoms are told apart.
	distinguished = 32
)

// Told says in a sentence what is widespread; empty if nothing is.
func Told(list []Widespread) string {
	var fields, sentences []string
	for _, w := range list {
		switch share := human.Percent(w.Share); {
		case w.Field != "":
			told := fmt.Sprintf("field `%s` differs in %s of orders", w.Field, share)
			if w.Precision != "" {
				told += " (" + w.Precision + ")"
			}
			fields = append(fields, told)
		case w.Kind == compare.Missing && w.Hop == order.LegacyToEvents:
			sentences = append(sentences, share+" of orders have no events: wrong table or key?")
		case w.Kind == compare.Missing:
			sentences = append(sentences, share+" of orders are missing in the projection: wrong table or key?")
		case w.Kind == compare.Phantom:
			sentences = append(sentences, share+" of orders are not in legacy: wrong table or key?")
		case w.Kind == FlawedHistory:
			sentences = append(sentences, share+" of orders have events that cannot be read or applied: mapping?")
		default:
			sentences = append(sentences, fmt.Sprintf("%s of orders are %s: wrong key?", share, w.Kind))
		}
	}
	if len(fields) > 0 {
		sentences = slices.Insert(sentences, 0, strings.Join(fields, ", ")+": mapping?")
	}
	return strings.Join(sentences, "; ")
}

// Widespread returns what is wrong with most orders, according to the pass. Of the orders that have it only examples were
// recorded.
func (s Scan) Widespread() []Widespread {
	switch f := s.Facts.(type) {
	case FullFacts:
		return f.Widespread
	case SampleFacts:
		return f.Widespread
	}
	return nil
}

// survey counts the symptoms of some orders. It keeps examples of each combination of symptoms.
type survey[E any] struct {
	orders, truth, follower, paired int64 // looked at; those on each side, and on both
	having                          map[Symptom]int64
	units                           map[Symptom]units // of times that differ
	combinations                    map[string]*combination[E]
}

// combination is the orders with the same symptoms.
type combination[E any] struct {
	symptoms []Symptom
	orders   int64
	examples []chosen[E]
}

// chosen is an example with the number by which it was chosen.
type chosen[E any] struct {
	number uint64
	of     E
}

func newSurvey[E any]() *survey[E] {
	return &survey[E]{having: map[Symptom]int64{}, units: map[Symptom]units{}, combinations: map[string]*combination[E]{}}
}

// add adds an order, which the two sides have or not. Examples are chosen by a hash of the key, so the next look at the same
// orders chooses the same ones.
func (s *survey[E]) add(key order.Key, legacy, other bool, symptoms []Symptom, example E) {
	s.orders++
	if legacy {
		s.truth++
	}
	if other {
		s.follower++
	}
	if legacy && other {
		s.paired++
	}
	if len(symptoms) == 0 {
		return
	}
	for _, symptom := range symptoms {
		s.having[symptom]++
	}
	name := fmt.Sprint(symptoms)
	c := s.combinations[name]
	if c == nil {
		if len(s.combinations) == distinguished {
			return
		}
		c = &combination[E]{symptoms: symptoms}
		s.combinations[name] = c
	}
	c.orders++
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(key))
	c.examples = append(c.examples, chosen[E]{hash.Sum64(), example})
	slices.SortFunc(c.examples, func(a, b chosen[E]) int { return cmp.Compare(a.number, b.number) })
	c.examples = c.examples[:min(len(c.examples), recorded)]
}

// widespread returns the symptoms that most orders have; none unless most orders have one of them. part is the share of all
// orders from which those were taken that were looked at. The rest has no symptoms.
func (s *survey[E]) widespread(part float64) []Widespread {
	var out []Widespread
	var alone, together int64 // orders that have one, at least: of symptoms that come alone, and of others
	for symptom, n := range s.having {
		of := s.orders
		switch {
		case symptom.Kind == compare.Missing:
			of = s.truth
		case symptom.Kind == compare.Phantom:
			of = s.follower
		case symptom.Field != "":
			of = s.paired
		}
		share := part * float64(n) / float64(max(of, 1))
		if share <= most {
			continue
		}
		out = append(out, Widespread{symptom, share, s.units[symptom].precision(symptom.Hop)})
		if symptom.Field != "" || symptom.Kind == FlawedHistory {
			together = max(together, n)
		} else {
			alone += n
		}
	}
	if part*float64(alone+together) <= most*float64(s.orders) {
		return nil
	}
	slices.SortFunc(out, func(a, b Widespread) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// others returns the symptoms that are not widespread.
func (c *combination[E]) others(known []Widespread) []Symptom {
	return slices.DeleteFunc(slices.Clone(c.symptoms), func(symptom Symptom) bool {
		return slices.ContainsFunc(known, func(w Widespread) bool { return w.Symptom == symptom })
	})
}

// examples returns some orders of those that have the same symptoms besides the widespread ones. So a rarer fault has its
// own examples. Taken is how many are recorded already, by the other symptoms.
func (s *survey[E]) examples(known []Widespread, taken map[string]int) []E {
	sorted := make([]*combination[E], 0, len(s.combinations))
	for _, c := range s.combinations {
		sorted = append(sorted, c)
	}
	slices.SortFunc(sorted, func(a, b *combination[E]) int {
		return cmp.Or(cmp.Compare(b.orders, a.orders), cmp.Compare(fmt.Sprint(a.symptoms), fmt.Sprint(b.symptoms)))
	})
	var out []E
	for _, c := range sorted {
		others := fmt.Sprint(c.others(known))
		for _, e := range c.examples {
			if taken[others] < recorded {
				taken[others]++
				out = append(out, e.of)
			}
		}
	}
	return out
}

// symptoms of a mismatch; none if there is none.
func symptoms(hop order.Hop, m *compare.Mismatch) []Symptom {
	switch {
	case m == nil:
		return nil
	case len(m.Fields) == 0:
		return []Symptom{{Hop: hop, Kind: m.Kind}}
	}
	out := make([]Symptom, len(m.Fields))
	for i, f := range m.Fields {
		out[i] = Symptom{hop, m.Kind, f.Name}
	}
	return out
}
