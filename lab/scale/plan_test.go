package scale_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab/scale"
)

var update = flag.Bool("update", false, "write the tables into docs/scaling.md")

// TestThePageHasTheTables, each between two marks. With -update it writes them.
func TestThePageHasTheTables(t *testing.T) {
	const file = "../../docs/scaling.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for name, table := range scale.Tables() {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
		before, rest, ok := strings.Cut(text, begin)
		was, after, ended := strings.Cut(rest, end)
		switch {
		case !ok || !ended:
			t.Errorf("%s has no table %s", file, name)
		case *update:
			text = before + begin + table + end + after
		case was != table:
			t.Errorf("table %s is\n%s\nand not\n%s", name, was, table)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
