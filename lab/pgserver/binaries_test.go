package pgserver

import (
	"os"
	"path/filepath"
	"testing"
)

func TestInstalledTakesTheHighestCompleteVersion(t *testing.T) {
	root := t.TempDir()
	for dir, programs := range map[string][]string{
		"9.6": {"initdb", "postgres"},
		"13":  {"initdb", "postgres"},
		"15":  {"initdb", "postgres"},
		"17":  {"psql"}, // only the client is installed
	} {
		bin := filepath.Join(root, "postgresql", dir, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, p := range programs {
			if err := os.WriteFile(filepath.Join(bin, p), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := filepath.Join(root, "postgresql", "15", "bin")
	if got := installed([]string{filepath.Join(root, "nowhere", "*"), filepath.Join(root, "postgresql", "*", "bin")}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := installed([]string{filepath.Join(root, "nowhere", "*")}); got != "" {
		t.Errorf("got %s where there is none", got)
	}
}
