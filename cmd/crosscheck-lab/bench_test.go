package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteTable(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"no file":       {"", "TABLE\n"},
		"no marks":      {"an older table\n", "TABLE\n"},
		"between marks": {"# Page\n" + tableBegins + "old\n" + tableEnds + "\nmore\n", "# Page\n" + tableBegins + "TABLE\n" + tableEnds + "\nmore\n"},
	} {
		file := filepath.Join(t.TempDir(), "page.md")
		if c.before != "" {
			if err := os.WriteFile(file, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := writeTable(file, "TABLE\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != c.after {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
