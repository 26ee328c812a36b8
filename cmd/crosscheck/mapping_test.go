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
	if diff := cmp.Diff(gate.Defaults(), c.Gate.Criteria); diff != "" {
		t.Errorf("its criteria are not the defaults that it claims them to be:\n%s", diff)
	}
}
