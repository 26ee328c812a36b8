package cutover

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the chart, the tables and the paths")

// pathsFile has the paths that the real coordinator is to run, one in a line.
const pathsFile = "testdata/paths.json"

// paths finds a shortest path for each state of a run, with each outcome of its action there, and how far the action came.
// The transition is the last step.
func paths(s *search[world]) (found [][]step) {
	type transition struct {
		run uint8
		by  attempt
	}
	m := s.system.(*model)
	seen := map[transition]bool{}
	for at, w := range s.worlds {
		m.perform(w, func(a attempt, _ bool, _ world) {
			key := transition{w.run, a}
			if seen[key] || a.Really == never {
				return
			}
			seen[key] = true
			found = append(found, append(s.path(int32(at)), step{Action: m.names[w.run], attempt: a}))
		})
	}
	return found
}

// TestPathsAreOnFile holds the file to the search. Run with -update after a change of the transition function.
func TestPathsAreOnFile(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("[\n")
	for i, p := range paths(explore[world](newModel(shipped, false, true, ""))) {
		if i > 0 {
			text.WriteString(",\n")
		}
		line, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
	}
	text.WriteString("\n]\n")
	if *update {
		if err := os.WriteFile(pathsFile, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if onFile, err := os.ReadFile(pathsFile); err != nil || !bytes.Equal(onFile, text.Bytes()) {
		t.Errorf("%s is not what the search finds (%v); run go test ./cutover -update", pathsFile, err)
	}
}
