package dashboards

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func all(t *testing.T) []Dashboard {
	t.Helper()
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 {
		t.Fatalf("%d dashboards, want 3", len(list))
	}
	return list
}

func TestDashboardsAreOfOneFamily(t *testing.T) {
	uids := map[string]string{} // uid → file
	for _, d := range all(t) {
		if d.SchemaVersion < 36 {
			t.Errorf("%s: schemaVersion %d", d.File, d.SchemaVersion)
		}
		if other := uids[d.UID]; other != "" || !strings.HasPrefix(d.UID, "crosscheck-") || len(d.UID) > 40 {
			t.Errorf("%s: uid %q, which %q has too", d.File, d.UID, other)
		}
		uids[d.UID] = d.File
		if !strings.HasPrefix(d.Title, "crosscheck / ") || !strings.HasSuffix(d.Description, ".") || !slices.Contains(d.Tags, "crosscheck") {
			t.Errorf("%s: title %q, description %q, tags %v", d.File, d.Title, d.Description, d.Tags)
		}
		var links []string
		for _, l := range d.Links {
			links = append(links, l.Title+" "+l.URL)
		}
		want := []string{"crosscheck dashboards ", "Status page ${page}", "Runbooks ${docs}/runbooks"}
		if !slices.Equal(links, want) {
			t.Errorf("%s: links %q, want %q", d.File, links, want)
		}
	}
}

func TestVariablesChooseDatasourceInstanceAndPair(t *testing.T) {
	want := []string{
		"datasource datasource prometheus",
		"job query label_values(crosscheck_build_info, job)",
		`instance query label_values(crosscheck_build_info{job=~"$job"}, instance)`,
		`pair query label_values(crosscheck_ledger_up{job=~"$job",instance=~"$instance"}, pair)`,
	}
	for _, d := range all(t) {
		var got []string
		for _, v := range d.Templating.List {
			got = append(got, fmt.Sprint(v.Name, " ", v.Type, " ", v.Query))
			if v.Type == "query" && (v.Datasource.UID != "${datasource}" || !v.IncludeAll || !v.Multi || v.AllValue != ".*") {
				t.Errorf("%s: variable %s: %+v", d.File, v.Name, v)
			}
		}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: variables %q, want first %q", d.File, got, want)
		}
	}
}

func TestPanelsExplainThemselves(t *testing.T) {
	runbook := regexp.MustCompile(`^\$\{docs\}/(runbooks/\w+\.md)$`)
	for _, d := range all(t) {
		titles, ids := map[string]bool{}, map[int]bool{}
		for _, p := range d.Panels {
			at := fmt.Sprintf("%s, panel %d %q", d.File, p.ID, p.Title)
			if p.ID <= 0 || ids[p.ID] || p.Title == "" || titles[p.Title] && p.Type != "row" {
				t.Errorf("%s: id or title is missing or not the only one", at)
			}
			ids[p.ID] = true
			if p.Type == "row" {
				continue
			}
			titles[p.Title] = true
			if !strings.HasSuffix(p.Description, ".") {
				t.Errorf("%s: description %q", at, p.Description)
			}
			if p.FieldConfig.Defaults.Unit == "" || p.Datasource != (Datasource{"prometheus", "${datasource}"}) || len(p.Targets) == 0 {
				t.Errorf("%s: unit %q, datasource %v, %d queries", at, p.FieldConfig.Defaults.Unit, p.Datasource, len(p.Targets))
			}
			refs := map[string]bool{}
			for _, q := range p.Targets {
				if refs[q.RefID] || q.RefID == "" || q.Datasource != p.Datasource {
					t.Errorf("%s: query %q asks %v", at, q.RefID, q.Datasource)
				}
				refs[q.RefID] = true
			}
			for _, l := range p.Links {
				found := runbook.FindStringSubmatch(l.URL)
				if found == nil {
					t.Errorf("%s: link %q", at, l.URL)
				} else if _, err := os.Stat("../docs/" + found[1]); err != nil {
					t.Errorf("%s: %v", at, err)
				}
			}
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	const columns = 24
	for _, d := range all(t) {
		for i, p := range d.Panels {
			a := p.GridPos
			if a.W <= 0 || a.H <= 0 || a.X < 0 || a.Y < 0 || a.X+a.W > columns {
				t.Errorf("%s: %q lies at %+v", d.File, p.Title, a)
			}
			for _, other := range d.Panels[:i] {
				b := other.GridPos
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("%s: %q and %q overlap: %+v, %+v", d.File, p.Title, other.Title, a, b)
				}
			}
		}
	}
}

func TestAQueryIsATextOrAnObject(t *testing.T) {
	var q Query
	if err := q.UnmarshalJSON([]byte(`"prometheus"`)); err != nil || q != "prometheus" {
		t.Errorf("text: %q, %v", q, err)
	}
	if err := q.UnmarshalJSON([]byte(`{"query":"label_values(job)","refId":"A"}`)); err != nil || q != "label_values(job)" {
		t.Errorf("object: %q, %v", q, err)
	}
	if err := q.UnmarshalJSON([]byte(`7`)); err == nil {
		t.Error("a number was taken for a query")
	}
}
