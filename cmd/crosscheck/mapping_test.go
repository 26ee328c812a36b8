package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
)

func environment(name string) (string, bool) {
	dsn, ok := map[string]string{"LEGACY_DSN": "postgres://l/legacy", "EVENTS_DSN": "postgres://e/events"}[name]
	return dsn, ok
}

// TestConfigHasTheGatesOwnDefaults holds what is written twice, since config imports nothing of ours.
func TestConfigHasTheGatesOwnDefaults(t *testing.T) {
	const minimal = `
legacy: {dsn: "${LEGACY_DSN}"}
projection: {dsn: "${EVENTS_DSN}"}
ledger: {dsn: "${EVENTS_DSN}"}
compare: {fields: [{name: status, type: text}]}
`
	c, err := config.Parse("minimal.yaml", []byte(minimal), environment)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(gate.Defaults(), gateCriteria(c.Gate.Criteria)); diff != "" {
		t.Errorf("the gate (-) and config (+) differ:\n%s", diff)
	}
}

// TestEveryCriterionIsMapped sets everything to what is no default: nothing may get lost on the way.
func TestEveryCriterionIsMapped(t *testing.T) {
	const all = `
legacy: {dsn: "${LEGACY_DSN}"}
projection: {dsn: "${EVENTS_DSN}"}
ledger: {dsn: "${EVENTS_DSN}"}
compare: {fields: [{name: status, type: text}]}
gate:
  criteria:
    open_divergences: {max: 3, severity: advisory}
    full_verification: {max_age: 1h, enabled: false}
    counts: {max_age: 2h, severity: advisory}
    sample_bound: {max_ratio: 0.25, confidence: 0.75, max_age: 3h, severity: advisory}
    coverage: {min: 0.5, max_age: 4h, enabled: false}
`
	c, err := config.Parse("all.yaml", []byte(all), environment)
	if err != nil {
		t.Fatal(err)
	}
	advisory, off := gate.Rule{Enabled: true, Severity: gate.Advisory}, gate.Rule{Severity: gate.Blocking}
	const hour = 3600e9
	want := gate.Criteria{
		OpenDivergences:  gate.OpenDivergencesCriterion{Rule: advisory, Max: 3},
		FullVerification: gate.FullVerificationCriterion{Rule: off, MaxAge: hour},
		Counts:           gate.CountsCriterion{Rule: advisory, MaxAge: 2 * hour},
		SampleBound:      gate.SampleBoundCriterion{Rule: advisory, MaxRatio: 0.25, Confidence: 0.75, MaxAge: 3 * hour},
		Coverage:         gate.CoverageCriterion{Rule: off, Min: 0.5, MaxAge: 4 * hour},
	}
	if diff := cmp.Diff(want, gateCriteria(c.Gate.Criteria)); diff != "" {
		t.Error(diff)
	}
}

// TestRootConfigMaps loads the config.yaml that users start from, and maps it to both sides.
func TestRootConfigMaps(t *testing.T) {
	const file = "../../config.yaml"
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, environment)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Later) > 0 {
		t.Errorf("it shows sections that this version does not use: %v", c.Later)
	}
	legacy, projection := legacyConfig(c, nil), projectionConfig(c, nil)
	if legacy.DSN != "postgres://l/legacy" || projection.DSN != "postgres://e/events" {
		t.Errorf("dsn of legacy %q, of projection %q", legacy.DSN, projection.DSN)
	}
	if legacy.Table != "public.orders" || projection.Table != "public.current_orders" || legacy.Key != "order_id" || legacy.ChangedAt != "updated_at" {
		t.Errorf("legacy is %+v, projection %+v", legacy, projection)
	}
	if len(legacy.Fields) != 6 || len(projection.Fields) != 6 {
		t.Fatalf("%d and %d fields", len(legacy.Fields), len(projection.Fields))
	}
	side := legacy.Fields[5]
	if side.Name != "side" || side.Type != order.Text || side.Expr != "upper(side)" || projection.Fields[5].Expr != `"side"` {
		t.Errorf("field side is %+v in legacy and %+v in the projection", side, projection.Fields[5])
	}
	if diff := cmp.Diff(gate.Defaults(), gateCriteria(c.Gate.Criteria)); diff != "" {
		t.Errorf("its criteria are not the defaults that it claims them to be:\n%s", diff)
	}
}
