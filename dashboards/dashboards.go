// Package dashboards holds the files for Prometheus, Alertmanager and Grafana: rules, an example of routes, and
// dashboards.
//
// Invariant: they use only metrics and labels that package metrics exposes. Prometheus parses and answers every query,
// and every alert has a page in docs/runbooks. Tests check all of this.
package dashboards

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
)

// Files holds rules.yaml, alertmanager.example.yml and the dashboards.
//
//go:embed *.json rules.yaml alertmanager.example.yml
var Files embed.FS

// Dashboard is the part of a Grafana dashboard that the tests need.
type Dashboard struct {
	File string `json:"-"`

	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	SchemaVersion int      `json:"schemaVersion"`
	Panels        []Panel  `json:"panels"`
	Templating    struct {
		List []Variable `json:"list"`
	} `json:"templating"`
	Links []Link `json:"links"`
}

// Panel is one panel. A row is a panel without targets.
type Panel struct {
	ID          int        `json:"id"`
	Type        string     `json:"type"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Datasource  Datasource `json:"datasource"`
	GridPos     struct{ X, Y, W, H int }
	Targets     []Target `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Links []Link `json:"links"`
}

// Target is a query of a panel.
type Target struct {
	RefID      string     `json:"refId"`
	Expr       string     `json:"expr"`
	Legend     string     `json:"legendFormat"`
	Datasource Datasource `json:"datasource"`
}

// Datasource is where a query goes.
type Datasource struct{ Type, UID string }

// Variable is what a person chooses at the top of a dashboard.
type Variable struct {
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Query      Query      `json:"query"`
	Datasource Datasource `json:"datasource"`
	IncludeAll bool       `json:"includeAll"`
	Multi      bool       `json:"multi"`
	AllValue   string     `json:"allValue"` // ".*" also selects series without the label
}

// Query is a text or, for variables that ask Prometheus, an object that holds the text.
type Query string

// UnmarshalJSON accepts both.
func (q *Query) UnmarshalJSON(src []byte) error {
	var text string
	if json.Unmarshal(src, &text) == nil {
		*q = Query(text)
		return nil
	}
	var object struct{ Query string }
	if err := json.Unmarshal(src, &object); err != nil {
		return fmt.Errorf("reading a variable's query: %w", err)
	}
	*q = Query(object.Query)
	return nil
}

// Link is a link to another page.
type Link struct {
	Title string `json:"title"`
	Type  string `json:"type"`
	URL   string `json:"url"`
}

// All returns the dashboards in the order of their file names.
func All() ([]Dashboard, error) {
	names, err := fs.Glob(Files, "*.json")
	if err != nil {
		return nil, err
	}
	list := make([]Dashboard, 0, len(names))
	for _, name := range names {
		src, err := Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		d := Dashboard{File: name}
		if err := json.Unmarshal(src, &d); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		list = append(list, d)
	}
	return list, nil
}
