package cutover

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestThePageIsGenerated holds the chart and the tables of docs/cutover.md to the transition function.
func TestThePageIsGenerated(t *testing.T) {
	const file = "../docs/cutover.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for name, want := range map[string]string{"chart": chart(), "actions": actionTable(), "rules": ruleList()} {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
		before, rest, ok := strings.Cut(text, begin)
		was, after, ended := strings.Cut(rest, end)
		switch {
		case !ok || !ended:
			t.Errorf("%s has no place for the %s", file, name)
		case *update:
			text = before + begin + want + end + after
		case was != want:
			t.Errorf("the %s is\n%s\nand not\n%s", name, was, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// chart draws where each outcome leads that the model has seen. A repeated action is left out, and so is evicting, which
// leads back to the action before.
func chart() string {
	m := newModel(shipped, false, true, "")
	explore[world](m)
	type edge struct{ from, to int } // places
	places := []string{}
	place := func(s State) int {
		name := s.Action().String()
		if s.Ended() {
			name = string(s.Phase)
		}
		if i := slices.Index(places, name); i >= 0 {
			return i
		}
		places = append(places, name)
		return len(places) - 1
	}
	for _, step := range shipped.forward {
		place(State{Phase: Forward, Step: step})
	}
	place(State{Phase: Completed})
	for _, step := range shipped.back {
		place(State{Phase: Back, Step: step})
	}
	outcomes := map[edge]map[string]bool{}
	for o, to := range m.known {
		from, to := m.states[o.run], m.states[to]
		from.Evict, to.Evict = false, false
		if e := (edge{place(from), place(to)}); e.from != e.to && !m.states[o.run].Evict {
			if outcomes[e] == nil {
				outcomes[e] = map[string]bool{}
			}
			outcomes[e][string(o.of.Outcome)] = true
		}
	}
	var text strings.Builder
	text.WriteString("```mermaid\nstateDiagram-v2\n")
	for i, name := range places {
		fmt.Fprintf(&text, "    state %q as s%d\n", name, i)
	}
	text.WriteString("    [*] --> s0\n")
	edges := slices.SortedFunc(maps.Keys(outcomes), func(a, b edge) int { return (a.from-b.from)*100 + a.to - b.to })
	for _, e := range edges {
		fmt.Fprintf(&text, "    s%d --> s%d: %s\n", e.from, e.to, strings.Join(slices.Sorted(maps.Keys(outcomes[e])), ", "))
	}
	for _, end := range []Phase{Completed, RolledBack} {
		fmt.Fprintf(&text, "    s%d --> [*]\n", place(State{Phase: end}))
	}
	text.WriteString("```\n")
	return text.String()
}

func actionTable() string {
	var text strings.Builder
	text.WriteString("| action | does | is done when read back |\n|---|---|---|\n")
	for _, c := range contracts {
		fmt.Fprintf(&text, "| %s | %s | %s |\n", c.Action, c.does, c.readBack)
	}
	return text.String()
}

func ruleList() string {
	var text strings.Builder
	text.WriteString("| outcomes | meaning |\n|---|---|\n")
	for _, r := range shipped.rules {
		var on []string
		for _, o := range r.on {
			on = append(on, string(o))
		}
		fmt.Fprintf(&text, "| %s | %s |\n", strings.Join(on, ", "), r.says)
	}
	return text.String()
}

// TestEachActionHasAContract: what the machine asks for is described, and nothing else.
func TestEachActionHasAContract(t *testing.T) {
	var asked, described []Action
	for _, step := range shipped.forward {
		asked = append(asked, State{Phase: Forward, Step: step}.Action())
	}
	for _, step := range shipped.back {
		asked = append(asked, State{Phase: Back, Step: step}.Action())
	}
	asked = append(asked, State{Phase: Back, Evict: true}.Action())
	for _, c := range contracts {
		described = append(described, c.Action)
		if c.Does() != c.does || c.ReadBack() != c.readBack || c.does == "" || c.readBack == "" {
			t.Errorf("%s: %q, %q", c.Action, c.Does(), c.ReadBack())
		}
	}
	if !slices.Equal(asked, described) {
		t.Errorf("%v are asked for, and %v described", asked, described)
	}
}
