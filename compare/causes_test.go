package compare_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

func TestEachCauseHasItsPage(t *testing.T) {
	const pages = "../docs/causes"
	identifier := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	index, err := os.ReadFile(filepath.Join(pages, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"README": true}
	causes := compare.Causes()
	for _, c := range history.Causes() { // which audits name
		if !slices.ContainsFunc(causes, func(known compare.CauseInfo) bool { return string(known.Cause) == string(c) }) {
			causes = append(causes, compare.CauseInfo{Cause: compare.Cause(c), Hop: order.LegacyToEvents, Meaning: "see its page"})
		}
	}
	for _, c := range causes {
		name := string(c.Cause)
		if !identifier.MatchString(name) || listed[name] || c.Meaning == "" {
			t.Errorf("%q: not an identifier, listed twice, or without meaning", name)
		}
		listed[name] = true
		if !strings.Contains(string(index), "["+name+"]("+name+".md)") {
			t.Errorf("the index of the pages does not link %s", name)
		}
		content, err := os.ReadFile(filepath.Join(pages, name+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range []string{"# " + name + "\n", "Hop: ", "`" + string(c.Hop) + "`", "## How to confirm it\n", "## How to repair it\n"} {
			if !strings.Contains(string(content), part) {
				t.Errorf("the page of %s has no %q", name, strings.TrimSpace(part))
			}
		}
	}
	files, err := os.ReadDir(pages)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, _ := strings.CutSuffix(f.Name(), ".md"); !listed[name] {
			t.Errorf("%s is the page of no cause", f.Name())
		}
	}
}
