package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// OfPair is the decision of one pair of tables.
type OfPair struct {
	Name string
	Decision
}

// PairDecision is that decision as a part of the decision over all.
type PairDecision struct {
	Name        string    `json:"name"`
	Decision    Answer    `json:"decision"`
	At          time.Time `json:"at"`
	Fingerprint string    `json:"fingerprint"`
	Record      *Record   `json:"record,omitempty"` // in the pair's own chain
}

// OverAll is the decision over several pairs of tables. It is GO if all are GO, NO-GO if one is NO-GO, and INCONCLUSIVE otherwise. Its criteria
// and waivers have the name of their pair before them, as in orders/counts. Its fingerprint is empty if that of a pair is.
func OverAll(pairs []OfPair) Decision {
	all := Decision{Decision: Undecided, Criteria: []Result{}}
	sum, known, answers := sha256.New(), len(pairs) > 0, map[Answer]int{}
	for _, p := range pairs {
		answers[p.Decision.Decision]++
		if p.At.After(all.At) {
			all.At = p.At
		}
		known = known && p.Fingerprint != ""
		_, _ = fmt.Fprintf(sum, "%d:%s=%s;", len(p.Name), p.Name, p.Fingerprint)
		all.Pairs = append(all.Pairs, PairDecision{p.Name, p.Decision.Decision, p.At, p.Fingerprint, p.Record})
		all.add(p)
	}
	if known {
		all.Fingerprint = hex.EncodeToString(sum.Sum(nil))
	}
	switch {
	case answers[NoGo] > 0:
		all.Decision = NoGo
	case len(pairs) > 0 && answers[Go] == len(pairs):
		all.Decision = Go
	}
	return all
}

// add takes over what the decision of a pair is made of.
func (d *Decision) add(p OfPair) {
	named := func(criterion string) string { return p.Name + "/" + criterion }
	for _, r := range p.Criteria {
		r.Name = named(r.Name)
		d.Criteria = append(d.Criteria, r)
	}
	for _, criterion := range p.NotAsked {
		d.NotAsked = append(d.NotAsked, named(criterion))
	}
	for _, w := range p.Waivers {
		w.Criterion = named(w.Criterion)
		d.Waivers = append(d.Waivers, w)
	}
	d.Accepted += p.Accepted
	d.AcceptedFindings += p.AcceptedFindings
	d.Acceptances = append(d.Acceptances, p.Acceptances...)
}

// writePairs has a line for each pair of tables.
func writePairs(b *strings.Builder, pairs []PairDecision) {
	if len(pairs) > 0 {
		b.WriteString("\n")
	}
	for _, p := range pairs {
		fmt.Fprintf(b, "  %-13s %s", p.Decision, plain(p.Name))
		if p.Record != nil {
			fmt.Fprintf(b, "  (decision %s of this pair)", human.Number(p.Record.Seq))
		}
		b.WriteString("\n")
	}
}
