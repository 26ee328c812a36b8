package dashboards

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/dashboards/promtest"
)

// ruleFile is the shape of rules.yaml.
type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// strict reads YAML, and wants nothing in it that the target has no field for.
func strict(t *testing.T, src []byte, into any) {
	t.Helper()
	if err := yaml.Load(src, into, yaml.WithKnownFields(true)); err != nil {
		t.Fatal(err)
	}
}

func rules(t *testing.T) []rule {
	t.Helper()
	src, err := Files.ReadFile("rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var f ruleFile
	strict(t, src, &f)
	var all []rule
	for _, g := range f.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func alerts(t *testing.T) []rule {
	t.Helper()
	return slices.DeleteFunc(rules(t), func(r rule) bool { return r.Alert == "" })
}

func TestPrometheusAcceptsTheRules(t *testing.T) {
	promtest.Tool(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
}

func TestEachAlertFiresAndStaysSilent(t *testing.T) {
	files := []string{"rules_test.yaml", "rules_hours_test.yaml"}
	promtest.Tool(t, "promtool", append([]string{"test", "rules"}, files...)...)

	type testFile struct {
		Tests []struct {
			Cases []struct {
				Alert    string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	var all testFile
	for _, file := range files {
		var f testFile
		if err := yaml.Load(read(t, file), &f); err != nil {
			t.Fatal(err)
		}
		all.Tests = append(all.Tests, f.Tests...)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range all.Tests {
		for _, c := range test.Cases {
			if len(c.Expected) > 0 {
				fires[c.Alert] = true
			} else {
				silent[c.Alert] = true
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: rules_test.yaml lets it fire: %v, stay silent: %v", a.Alert, fires[a.Alert], silent[a.Alert])
		}
	}
}

func TestEachAlertHelpsWhoeverIsWoken(t *testing.T) {
	for _, a := range alerts(t) {
		if s := a.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s: severity %q", a.Alert, s)
		}
		for _, name := range []string{"summary", "description"} {
			if !strings.HasSuffix(a.Annotations[name], ".") {
				t.Errorf("%s: the %s is no sentence: %q", a.Alert, name, a.Annotations[name])
			}
		}
		page := "docs/runbooks/" + a.Alert + ".md"
		if a.Annotations["runbook_url"] != page {
			t.Errorf("%s: runbook_url is %q, want %s", a.Alert, a.Annotations["runbook_url"], page)
		}
	}
}

// pairFirst is how the texts of alerts begin: with the pair of tables, if there are several.
const pairFirst = "{{ with $labels.pair }}Pair {{ . }}: {{ end }}"

func TestTextsOfAlertsNameThePair(t *testing.T) {
	ofProcess := []string{"CrosscheckInstanceDown", "CrosscheckAbsent"} // of all its pairs
	for _, a := range alerts(t) {
		for _, name := range []string{"summary", "description"} {
			if named := strings.HasPrefix(a.Annotations[name], pairFirst); named == slices.Contains(ofProcess, a.Alert) {
				t.Errorf("%s: the %s is %q", a.Alert, name, a.Annotations[name])
			}
		}
	}
}

func TestEachAlertHasItsRunbook(t *testing.T) {
	severities := map[string]string{} // alert → severity
	for _, a := range alerts(t) {
		severities[a.Alert] = a.Labels["severity"]
		if _, err := os.Stat("../docs/runbooks/" + a.Alert + ".md"); err != nil {
			t.Errorf("%s: %v", a.Alert, err)
		}
	}
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	panels := map[string]bool{} // dashboard, panel
	for _, d := range list {
		for _, p := range d.Panels {
			panels[d.Title+"/"+p.Title] = true
		}
	}
	pages, err := filepath.Glob("../docs/runbooks/Crosscheck*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)]+)\)`)
	panel := regexp.MustCompile(`\*([^*]+)\*(?: dashboard)?, panel \*([^*]+)\*`)
	index := string(read(t, "../docs/runbooks/README.md"))
	for _, page := range pages {
		if !strings.Contains(index, "("+filepath.Base(page)+")") {
			t.Errorf("the index does not name %s", page)
		}
		src, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text, name := string(src), strings.TrimSuffix(filepath.Base(page), ".md")
		if severity, known := severities[name]; !known {
			t.Errorf("%s is about no alert", page)
		} else if !strings.Contains(text, "Severity: "+severity+".") {
			t.Errorf("%s does not give the severity %s", page, severity)
		}
		for _, heading := range []string{"# " + name + "\n", "\n## What it means\n", "\n## How to confirm it\n", "\n## What to do\n"} {
			if !strings.Contains(text, heading) {
				t.Errorf("%s lacks %q", page, heading)
			}
		}
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			followLink(t, page, l[1])
		}
		for _, p := range panel.FindAllStringSubmatch(text, -1) {
			if !panels["crosscheck / "+p[1]+"/"+p[2]] {
				t.Errorf("%s sends to panel %q of %q, which is not there", page, p[2], p[1])
			}
		}
	}
}

// followLink holds that a link of a page leads to a file, and its anchor to a heading there.
func followLink(t *testing.T, page, link string) {
	t.Helper()
	file, anchor, _ := strings.Cut(link, "#")
	src := string(read(t, filepath.Join(filepath.Dir(page), file)))
	for line := range strings.Lines(src) {
		heading := strings.ToLower(strings.Trim(line, "# \n"))
		if anchor == "" || strings.HasPrefix(line, "#") && strings.ReplaceAll(heading, " ", "-") == anchor {
			return
		}
	}
	t.Errorf("%s: %s has no heading %q", page, file, anchor)
}

func TestAlertmanagerAcceptsTheExample(t *testing.T) {
	promtest.Tool(t, "amtool", "check-config", "alertmanager.example.yml")
}

func TestTheExampleSendsAlertsWhereTheyBelong(t *testing.T) {
	for severity, receiver := range map[string]string{"critical": "on-call", "warning": "team"} {
		out := promtest.Tool(t, "amtool", "config", "routes", "test", "--config.file=alertmanager.example.yml",
			"--verify.receivers="+receiver, "alertname=CrosscheckAbsent", "severity="+severity)
		if strings.TrimSpace(out) != receiver {
			t.Errorf("%s goes to %s, want %s", severity, out, receiver)
		}
	}
}
