package gate

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestEveryCriterionHasAPage holds docs/criteria to the criteria, their settings and their defaults.
func TestEveryCriterionHasAPage(t *testing.T) {
	pages, err := filepath.Glob("../docs/criteria/*.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"../docs/criteria/README.md"}
	c := Defaults()
	for _, name := range Names() {
		page := "../docs/criteria/" + name + ".md"
		want = append(want, page)
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		rows := rows{}
		c.Read(name, rows)
		for line := range strings.SplitSeq(string(text), "\n") {
			if cells := strings.Split(line, "`"); len(cells) > 4 && cells[0] == "| " && cells[1] != "enabled" {
				if rows[cells[1]] != cells[3] {
					t.Errorf("%s says that %s is %s by default; it is %q", page, cells[1], cells[3], rows[cells[1]])
				}
				delete(rows, cells[1])
			}
		}
		for key := range rows {
			t.Errorf("%s does not have the key %s", page, key)
		}
	}
	slices.Sort(want)
	if !slices.Equal(pages, want) {
		t.Errorf("pages are %v, want %v", pages, want)
	}
}

// rows has the default of each key, as a page writes it.
type rows map[string]string

func (rows) Boolean(string, *bool)                      {} // said in words
func (r rows) OneOf(key string, is *string, _ []string) { r[key] = *is }
func (r rows) Whole(key string, is *int64, _, _ int64)  { r[key] = strconv.FormatInt(*is, 10) }
func (r rows) Ratio(key string, is *float64, _ Range) {
	r[key] = strconv.FormatFloat(*is, 'f', -1, 64)
	if !strings.Contains(r[key], ".") {
		r[key] += ".0"
	}
}

func (r rows) Duration(key string, is *time.Duration, _ time.Duration) {
	r[key] = strings.Replace(strings.Replace(is.String(), "m0s", "m", 1), "h0m", "h", 1)
}
