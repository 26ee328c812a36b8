package compare_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
)

var (
	update = flag.Bool("update", false, "rewrite the corpus: refused if an answer changed and compare.Version did not")
	draw   = flag.Int("draw", 0, "with -update: add random cases that are drawn with this seed")
)

const (
	corpus      = "testdata/corpus"
	corpusLimit = 512 << 10 // bytes of a file
)

// question is something that this package answers, with all that it is asked about stored as data.
type question interface{ answer() any }

// corpusCase is a line of the corpus.
type corpusCase struct {
	Name   string          `json:"name"`
	Asks   string          `json:"asks"` // which question
	Given  json.RawMessage `json:"given"`
	Answer json.RawMessage `json:"answer"`
}

// TestCorpusOfJudgements notices a changed judgement: evidence of an older one is void, so compare.Version must be
// raised with it.
func TestCorpusOfJudgements(t *testing.T) {
	sets := readCorpus(t)
	version := readVersion(t)
	changed := answerAll(t, sets)
	switch {
	case len(changed) > 0 && version == compare.Version:
		t.Fatalf("%d answers changed, among them:\n%s\nIf that is intended, raise compare.Version (now %q): evidence of an older judgement is void; then run: %s",
			len(changed), strings.Join(changed[:min(10, len(changed))], "\n"), compare.Version, updating)
	case !*update && version != compare.Version:
		t.Fatalf("the corpus is of version %q, compare.Version is %q, and %d answers changed; run: %s", version, compare.Version, len(changed), updating)
	}
	addCases(t, sets, fromTables(t), *update)
	if !*update {
		return
	}
	if *draw != 0 {
		addCases(t, sets, drawCases(*draw), true)
	}
	writeCorpus(t, sets)
}

const updating = "go test ./compare -run Corpus -update"

// answerAll answers each question anew, and tells the answers that are not the stored ones.
func answerAll(t *testing.T, sets map[string][]corpusCase) (changed []string) {
	t.Helper()
	for _, set := range slices.Sorted(maps.Keys(sets)) {
		for i, c := range sets[set] {
			now := encoded(t, parsed(t, c).answer())
			if !bytes.Equal(now, c.Answer) {
				changed = append(changed, fmt.Sprintf("%s.jsonl: %s: %s", set, c.Name, changes(c.Answer, now)))
			}
			sets[set][i].Answer = now
		}
	}
	return changed
}

// changes are the members that differ, or the whole answers where they have none.
func changes(was, now []byte) string {
	var before, after map[string]any
	if json.Unmarshal(was, &before) != nil || json.Unmarshal(now, &after) != nil {
		return fmt.Sprintf("%s -> %s", was, now)
	}
	names := map[string]any{}
	maps.Copy(names, before)
	maps.Copy(names, after)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a, b := fmt.Sprint(before[name]), fmt.Sprint(after[name]); a != b {
			out = append(out, fmt.Sprintf("%s %s -> %s", name, a, b))
		}
	}
	return strings.Join(out, "; ")
}

// addCases adds the cases that the corpus does not have, or says that they are missing.
func addCases(t *testing.T, sets map[string][]corpusCase, more []askedCase, add bool) {
	t.Helper()
	has := map[string]bool{}
	for _, set := range sets {
		for _, c := range set {
			has[c.Asks+string(c.Given)] = true
		}
	}
	for _, m := range more {
		c := corpusCase{Name: m.name, Asks: asks(m.question), Given: encoded(t, m.question)}
		if has[c.Asks+string(c.Given)] {
			continue
		}
		if !add {
			t.Errorf("the corpus does not have the case %q; run: %s", c.Name, updating)
			continue
		}
		has[c.Asks+string(c.Given)] = true
		c.Answer = encoded(t, parsed(t, c).answer()) // of what is stored, not of what it was made of
		sets[m.set] = append(sets[m.set], c)
	}
}

// parsed is the question of a case. What it does not know is an error, so that nothing stored is passed over.
func parsed(t *testing.T, c corpusCase) question {
	t.Helper()
	q := questions()[c.Asks]
	if q == nil {
		t.Fatalf("%s: there is no question %q", c.Name, c.Asks)
	}
	d := json.NewDecoder(bytes.NewReader(c.Given))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		t.Fatalf("%s: reading what is given: %v", c.Name, err)
	}
	return q
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

func readCorpus(t *testing.T) map[string][]corpusCase {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(corpus, "*.jsonl"))
	if err != nil || len(paths) == 0 && !*update {
		t.Fatalf("no corpus: %v", err)
	}
	sets := map[string][]corpusCase{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > corpusLimit {
			t.Errorf("%s has %d bytes, more than %d: name another set for what is added", path, len(content), corpusLimit)
		}
		set := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		for line := range bytes.Lines(content) {
			var c corpusCase
			if err := json.Unmarshal(line, &c); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			sets[set] = append(sets[set], c)
		}
	}
	return sets
}

func readVersion(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(corpus, "version"))
	if err != nil && !*update {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

func writeCorpus(t *testing.T, sets map[string][]corpusCase) {
	t.Helper()
	files := map[string][]byte{"version": []byte(compare.Version + "\n")}
	for set, cases := range sets {
		for _, c := range cases {
			files[set+".jsonl"] = append(append(files[set+".jsonl"], encoded(t, c)...), '\n')
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(corpus, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
