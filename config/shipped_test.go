package config_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
)

// A line of the shipped file that has a setting, which may be commented out. Prose begins with a capital letter, and its
// lists have commas before a colon.
var (
	commentedSetting = regexp.MustCompile(`^( *)# ( *(?:- )?\{?[A-Za-z_]+:(?: .*)?)$`)
	aSetting         = regexp.MustCompile(`^ *(?:- )?[A-Za-z_]+: `)
)

// uncommented is the shipped file with all its settings.
func uncommented(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(src), "\n")
	for i := range lines {
		for commentedSetting.MatchString(lines[i]) { // a setting of a section that is commented out is so twice
			lines[i] = commentedSetting.ReplaceAllString(lines[i], "$1$2")
		}
	}
	return strings.Join(lines, "\n")
}

// everything is what the variables of the file stand for.
func everything(name string) (string, bool) {
	if value, ok := environment(name); ok {
		return value, true
	}
	return "postgres://u:hunter2@db3/" + strings.ToLower(name), true
}

// TestTheShippedFileHasEverySetting: whatever can be read in a section stands there, in a setting or in the comment beside one.
func TestTheShippedFileHasEverySetting(t *testing.T) {
	t.Parallel()
	text := uncommented(t)
	c, err := config.Parse("config.yaml", []byte(text), everything)
	if err != nil {
		t.Fatalf("with all settings, the file cannot be read: %s", render(t, err))
	}
	defaults := cmp.Options{
		cmpopts.IgnoreFields(gate.Rule{}, "Enabled"), cmpopts.IgnoreFields(gate.ShadowWriteCriterion{}, "Changes"),
		cmpopts.IgnoreFields(gate.ReadParityCriterion{}, "Basis"), cmpopts.IgnoreFields(gate.ReadLatencyCriterion{}, "Basis"),
	}
	if diff := cmp.Diff(gate.Defaults(), c.Gate.Criteria, defaults); diff != "" {
		t.Errorf("criteria of the file are not as by default (-want +got):\n%s", diff)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	const unknown = "zzzzzzzzzzzz"
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		if n.Kind == yaml.MappingNode {
			key := &yaml.Node{Kind: yaml.ScalarNode, Value: unknown}
			n.Content = append(n.Content, key, &yaml.Node{Kind: yaml.ScalarNode, Value: "1"})
		}
		for _, c := range n.Content {
			visit(c)
		}
	}
	visit(doc.Content[0])
	src, err := yaml.Marshal(doc.Content[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Parse("config.yaml", src, everything)
	mistakes, _ := errors.AsType[config.Errors](err)
	asked := 0
	for _, m := range mistakes {
		keys, found := strings.CutPrefix(m.Hint, "keys here are ")
		section, _, nested := strings.Cut(m.Path, ".")
		if !found || m.Message != "unknown key" || strings.HasPrefix(m.Path, "events.fold.") { // docs/fold.md has what an event may do
			continue
		}
		within := text
		if nested {
			_, within, _ = strings.Cut("\n"+text, "\n"+section+":")
			if end := regexp.MustCompile(`\n[a-z_]+:`).FindStringIndex(within); end != nil {
				within = within[:end[0]]
			}
		}
		for key := range strings.SplitSeq(keys, ", ") {
			if m.Path == "events."+unknown && (key == "keys" || key == "ignore" || key == "ignore_types" || key == "types") {
				continue // of older files, and told so
			}
			if asked++; !regexp.MustCompile(`\b` + key + `\b`).MatchString(within) {
				t.Errorf("%s has %s, and the shipped file does not", strings.TrimSuffix(m.Path, "."+unknown), key)
			}
		}
	}
	if asked < 150 {
		t.Errorf("only %d keys were asked for", asked)
	}
}

// TestEachShippedSettingSaysWhatItIs in its own line, or in the line above.
func TestEachShippedSettingSaysWhatItIs(t *testing.T) {
	t.Parallel()
	known := []string{"dsn", "table", "key", "type", "check", "undo", "do", "topic", "schema", "criteria", "queries", "legacy", "projection", "reads", "writes", "sql", "probe", "switch", "name"}
	lines := strings.Split(uncommented(t), "\n")
	for i, line := range lines {
		if !aSetting.MatchString(line+" ") || strings.Contains(line, " # ") || i > 0 && strings.HasPrefix(strings.TrimSpace(lines[i-1]), "#") {
			continue
		}
		key, _, _ := strings.Cut(strings.TrimLeft(line, " -"), ":")
		if !slices.Contains(known, key) {
			t.Errorf("config.yaml:%d does not say what %s is", i+1, key)
		}
	}
}
