package main

import (
	"os"
	"testing"
	"time"

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
    open_divergences: {max: 3, max_age: 16h, severity: advisory}
    full_verification: {max_age: 1h, enabled: false}
    counts: {max_age: 2h, severity: advisory}
    sample_bound: {max_ratio: 0.25, confidence: 0.75, max_age: 3h, severity: advisory}
    coverage: {min: 0.5, max_age: 4h, enabled: false}
    shadow_write_completeness: {min: 0.6, max_age: 5h, severity: advisory}
    event_gaps: {max: 4, max_age: 6h, enabled: false}
    stream_completeness: {min: 0.7, max_age: 7h, severity: advisory}
    projection_lag: {max: 8h, max_age: 9h, severity: advisory}
    stream_lag: {max: 5, max_age: 10h, severity: advisory}
    clean_streak: {passes: 6, duration: 11h, max_age: 12h, severity: advisory}
    history_accuracy: {min: 0.8, max_age: 13h, severity: advisory}
    rehearsals: {count: 7, max_duration: 14h, max_age: 15h, severity: advisory}
    rollback_rehearsals: {count: 8, max_duration: 16h, max_age: 17h, severity: advisory}
  waivers: [{criterion: counts, who: Alice, why: ticket 7, until: 2026-12-01}]
`
	c, err := config.Parse("all.yaml", []byte(all), environment)
	if err != nil {
		t.Fatal(err)
	}
	advisory, off := gate.Rule{Enabled: true, Severity: gate.Advisory}, gate.Rule{Severity: gate.Blocking}
	const hour = 3600e9
	want := gate.Criteria{
		OpenDivergences:  gate.OpenDivergencesCriterion{Rule: advisory, Max: 3, MaxAge: 16 * time.Hour},
		FullVerification: gate.FullVerificationCriterion{Rule: off, MaxAge: hour},
		Counts:           gate.CountsCriterion{Rule: advisory, MaxAge: 2 * hour},
		SampleBound:      gate.SampleBoundCriterion{Rule: advisory, MaxRatio: 0.25, Confidence: 0.75, MaxAge: 3 * hour},
		Coverage:         gate.CoverageCriterion{Rule: off, Min: 0.5, MaxAge: 4 * hour},

		ShadowWriteCompleteness: gate.ShadowWriteCriterion{Rule: advisory, Min: 0.6, MaxAge: 5 * hour},
		EventGaps:               gate.EventGapsCriterion{Rule: off, Max: 4, MaxAge: 6 * hour},
		StreamCompleteness:      gate.StreamCompletenessCriterion{Rule: advisory, Min: 0.7, MaxAge: 7 * hour},
		ProjectionLag:           gate.ProjectionLagCriterion{Rule: advisory, Max: 8 * hour, MaxAge: 9 * hour},
		StreamLag:               gate.StreamLagCriterion{Rule: advisory, Max: 5, MaxAge: 10 * hour},
		CleanStreak:             gate.CleanStreakCriterion{Rule: advisory, Passes: 6, Duration: 11 * hour, MaxAge: 12 * hour},
		HistoryAccuracy:         gate.HistoryAccuracyCriterion{Rule: advisory, Min: 0.8, MaxAge: 13 * hour},
		Rehearsals:              gate.RehearsalsCriterion{Rule: advisory, Count: 7, MaxDuration: 14 * hour, MaxAge: 15 * hour},
		RollbackRehearsals:      gate.RollbackRehearsalsCriterion{Rule: advisory, Count: 8, MaxDuration: 16 * hour, MaxAge: 17 * hour},
	}
	waivers := []gate.Waiver{{Criterion: "counts", Who: "Alice", Why: "ticket 7", Until: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}}
	if diff := cmp.Diff(gate.Policy{Criteria: want, Waivers: waivers}, gatePolicy(c.Gate)); diff != "" {
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
