package dashboards

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/dashboards/promtest"
)

// composeFile is as much of Compose's format as compose.yaml uses; whatever else stands in it is a mistake.
type composeFile struct {
	Name     string             `yaml:"name"`
	Services map[string]service `yaml:"services"`
}

type service struct {
	Image string `yaml:"image"`
	Build struct {
		Context string `yaml:"context"`
	} `yaml:"build"`
	Entrypoint  []string          `yaml:"entrypoint"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	Ports       []string          `yaml:"ports"`
	DependsOn   dependencies      `yaml:"depends_on"`
	Healthcheck struct {
		Test              []string
		Interval, Timeout string
		Retries           int
	} `yaml:"healthcheck"`
	ReadOnly bool     `yaml:"read_only"`
	CapDrop  []string `yaml:"cap_drop"`
	Restart  string   `yaml:"restart"`
}

// dependencies are written as a list of names, or with a condition for each.
type dependencies map[string]string // service → condition

func (d *dependencies) UnmarshalYAML(n *yaml.Node) error {
	*d = dependencies{}
	var names []string
	if n.Decode(&names) == nil {
		for _, name := range names {
			(*d)[name] = "service_started"
		}
		return nil
	}
	var conditions map[string]struct{ Condition string }
	if err := n.Decode(&conditions); err != nil {
		return err
	}
	for name, c := range conditions {
		(*d)[name] = c.Condition
	}
	return nil
}

func compose(t *testing.T) map[string]service {
	t.Helper()
	var f composeFile
	strict(t, read(t, "../compose.yaml"), &f)
	return f.Services
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestComposeHoldsTogether(t *testing.T) {
	services := compose(t)
	for _, name := range []string{"postgres", "kafka", "crosscheck", "prometheus", "alertmanager", "grafana"} {
		if _, ok := services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
	for name, s := range services {
		first, _, _ := strings.Cut(s.Image, "/")
		if s.Image == "" || strings.ContainsAny(first, ".") && strings.Contains(s.Image, "/") || s.Build.Context == "" && !strings.Contains(s.Image, ":") {
			t.Errorf("%s: image %q is no name with a version", name, s.Image)
		}
		for _, v := range s.Volumes {
			parts := strings.Split(v, ":")
			if len(parts) != 3 || parts[2] != "ro" || !path.IsAbs(parts[1]) {
				t.Errorf("%s: %q is not mounted to be read only", name, v)
			}
			if _, err := os.Stat(filepath.Join("..", parts[0])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: %s is open to the network", name, p)
			}
		}
		for other, condition := range s.DependsOn {
			target, ok := services[other]
			switch {
			case !ok:
				t.Errorf("%s depends on %s, which is not there", name, other)
			case condition == "service_healthy" && len(target.Healthcheck.Test) == 0:
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			case !slices.Contains([]string{"service_started", "service_healthy", "service_completed_successfully"}, condition):
				t.Errorf("%s waits for %q", name, condition)
			}
		}
	}
}

// mounted returns the file of the repository that a service sees there.
func mounted(t *testing.T, s service, at string) string {
	t.Helper()
	for _, v := range s.Volumes {
		parts := strings.Split(v, ":")
		if rest, inside := strings.CutPrefix(at, parts[1]); inside && (rest == "" || rest[0] == '/') {
			return filepath.Join("..", parts[0], rest)
		}
	}
	t.Fatalf("nothing is mounted at %s", at)
	return ""
}

func TestComposeConfiguresEachProgram(t *testing.T) {
	services := compose(t)
	crosscheck := services["crosscheck"]
	getenv := func(name string) (string, bool) { v, ok := crosscheck.Environment[name]; return v, ok }
	c, err := config.Load(mounted(t, crosscheck, "/etc/crosscheck/config.yaml"), getenv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Web.Listen != ":8080" || !c.Web.Open {
		t.Errorf("crosscheck listens on %s, open %v: Prometheus asks port 8080, and people ask for the page", c.Web.Listen, c.Web.Open)
	}

	promtest.Tool(t, "promtool", "check", "config", "--syntax-only", mounted(t, services["prometheus"], "/etc/prometheus/prometheus.yml"))
	promtest.Tool(t, "promtool", "check", "rules", mounted(t, services["prometheus"], "/etc/prometheus/rules.yaml"))
	promtest.Tool(t, "amtool", "check-config", mounted(t, services["alertmanager"], "/etc/alertmanager/alertmanager.yml"))

	var prometheus struct {
		Rules   []string `yaml:"rule_files"`
		Scrapes []struct {
			Job     string `yaml:"job_name"`
			Targets []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Load(read(t, mounted(t, services["prometheus"], "/etc/prometheus/prometheus.yml")), &prometheus); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(prometheus.Rules, []string{"rules.yaml"}) || len(prometheus.Scrapes) != 1 || prometheus.Scrapes[0].Targets[0].Targets[0] != "crosscheck:8080" {
		t.Errorf("Prometheus is told %+v", prometheus)
	}
}

func TestGrafanaIsProvisioned(t *testing.T) {
	grafana := compose(t)["grafana"]
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool `yaml:"isDefault"`
		} `yaml:"datasources"`
	}
	strict(t, read(t, mounted(t, grafana, "/etc/grafana/provisioning/datasources/prometheus.yaml")), &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("data sources: %+v", sources)
	}
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type string
			Options            struct{ Path string }
		} `yaml:"providers"`
	}
	strict(t, read(t, mounted(t, grafana, "/etc/grafana/provisioning/dashboards/crosscheck.yaml")), &providers)
	if len(providers.Providers) != 1 {
		t.Fatalf("providers: %+v", providers)
	}
	for _, d := range all(t) {
		if got := mounted(t, grafana, providers.Providers[0].Options.Path+"/"+d.File); got != "../dashboards/"+d.File {
			t.Errorf("%s is %s", d.File, got)
		}
	}
	mounted(t, grafana, grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
}

// TestComposePublishesItsEvents holds the messages of the topic to the rows of the event store.
func TestComposePublishesItsEvents(t *testing.T) {
	s := compose(t)
	store := string(read(t, mounted(t, s["postgres"], "/schema/events.sql")))
	var last int
	for line := range strings.Lines(string(read(t, mounted(t, s["publish"], "/messages.txt")))) {
		key, value, _ := strings.Cut(line, "|")
		var m struct {
			ID      int             `json:"event_id"`
			Order   json.Number     `json:"order_id"`
			Type    string          `json:"event_type"`
			At      string          `json:"timestamp"`
			Payload json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal([]byte(value), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if m.ID != last+1 || m.Order.String() != key {
			t.Errorf("event %d with key %s after event %d: %s", m.ID, key, last, line)
		}
		last = m.ID
		if row := "(" + key + ", '" + m.Type + "', '" + m.At + "', '"; strings.Count(store, row) != 1 {
			t.Errorf("the event store has %d rows %s", strings.Count(store, row), row)
		}
	}
	if rows := strings.Count(store, "'Order"); rows != last || last == 0 {
		t.Errorf("%d messages, %d events", last, rows)
	}
}
