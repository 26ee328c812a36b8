package dashboards

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// inhibition is one rule of the Alertmanager example.
type inhibition struct {
	Source []string `yaml:"source_matchers"`
	Target []string `yaml:"target_matchers"`
	Equal  []string `yaml:"equal"`
}

func inhibitions(t *testing.T) []inhibition {
	t.Helper()
	var f struct {
		Rules []inhibition `yaml:"inhibit_rules"`
	}
	if err := yaml.Load(read(t, "alertmanager.example.yml"), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Rules) == 0 {
		t.Fatal("no inhibition")
	}
	return f.Rules
}

// matched are the alerts that a rule names, which must be by alertname alone.
func matched(t *testing.T, matchers []string) []rule {
	t.Helper()
	if len(matchers) != 1 {
		t.Fatalf("matchers %q", matchers)
	}
	found := regexp.MustCompile(`^alertname=~?"([^"]+)"$`).FindStringSubmatch(matchers[0])
	if found == nil {
		t.Fatalf("matcher %q", matchers[0])
	}
	name := regexp.MustCompile("^(?:" + found[1] + ")$")
	list := slices.DeleteFunc(alerts(t), func(r rule) bool { return !name.MatchString(r.Alert) })
	if len(list) == 0 {
		t.Fatalf("%s matches no alert", matchers[0])
	}
	return list
}

// namesPair is true if the alert is about one pair of tables where there are several.
func namesPair(r rule) bool { return strings.HasPrefix(r.Annotations["summary"], pairFirst) }

// TestNoAlertIsMutedByWhatIsNoneOfIts holds the inhibitions to the labels of the alerts: a sidecar's mutes its own, a
// job's the job's, and nothing mutes what wakes somebody.
func TestNoAlertIsMutedByWhatIsNoneOfIts(t *testing.T) {
	for _, i := range inhibitions(t) {
		for _, source := range matched(t, i.Source) {
			if strings.HasPrefix(source.Expr, "absent(") { // it has no labels, and is of every job
				continue
			}
			if !slices.Contains(i.Equal, "job") {
				t.Errorf("%s of one job mutes those of all", source.Alert)
			}
			if strings.Contains(source.Annotations["summary"], "$labels.instance") && !slices.Contains(i.Equal, "instance") {
				t.Errorf("%s of one sidecar mutes those of all", source.Alert)
			}
		}
		for _, target := range matched(t, i.Target) {
			if source := matched(t, i.Source)[0]; namesPair(source) && namesPair(target) && !slices.Contains(i.Equal, "pair") {
				t.Errorf("%s of one pair mutes %s of all", source.Alert, target.Alert)
			}
			if target.Labels["severity"] == "critical" {
				t.Errorf("%s wakes somebody, and is muted by %q", target.Alert, i.Source)
			}
		}
	}
}
