package explain_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/corpustest"
	"github.com/nordvarg/crosscheck/order"
)

// corpusOrder is an order of the corpus of judgements: all cases of the tables of compare are in it, and random ones.
type corpusOrder struct {
	name     string
	fields   []order.Field
	evidence compare.Evidence
	want     string // once the settle window is over
}

// storedOrder is a line of the corpus that asks about an order.
type storedOrder struct {
	Name   string
	Asks   string
	Given  corpustest.Order
	Answer struct {
		Verdict compare.Verdict
		Hop     order.Hop
		Cause   compare.Cause
		Further []struct {
			Hop   order.Hop
			Cause compare.Cause
		}
	}
}

func corpusOrders(t *testing.T) (out []corpusOrder) {
	t.Helper()
	paths, err := filepath.Glob("../compare/testdata/corpus/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			// The other questions have other members.
			var asked struct{ Asks string }
			var s storedOrder
			if err := json.Unmarshal(line, &asked); err != nil {
				t.Fatal(err)
			}
			if asked.Asks != "order" {
				continue
			}
			if err := json.Unmarshal(line, &s); err != nil {
				t.Fatal(err)
			}
			out = append(out, s.order())
		}
	}
	return out
}

func (s storedOrder) order() corpusOrder {
	c := corpusOrder{name: s.Name, fields: corpustest.Fields(s.Given.Fields), evidence: s.Given.Evidence()}
	c.want = said(compare.Match, "", "")
	if s.Answer.Verdict != compare.Match {
		c.want = said(compare.Diverged, s.Answer.Hop, s.Answer.Cause)
		for _, f := range s.Answer.Further {
			c.want += further(f.Hop, f.Cause)
		}
	}
	return c
}
