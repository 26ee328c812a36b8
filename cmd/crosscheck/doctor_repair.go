package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/repair"
	"github.com/nordvarg/crosscheck/source"
)

// diagnoseRepair looks at the table that plans of repair write, if the configuration has the section.
func diagnoseRepair(ctx context.Context, c *config.Config) []doctor.Finding {
	if c.Repair.Projection == "" && len(c.Repair.Columns) == 0 {
		return nil
	}
	finding := func(level doctor.Level, hint, format string, args ...any) []doctor.Finding {
		return []doctor.Finding{{Side: string(order.Projection), Check: "repair", Level: level, Message: fmt.Sprintf(format, args...), Hint: hint}}
	}
	side, err := source.Open(ctx, projectionConfig(c, nil))
	if err != nil {
		return nil // other findings say why
	}
	defer side.Close()
	table := c.RepairedTable()
	t, err := side.Layout(ctx, table)
	if err != nil {
		return finding(doctor.Error, "name the projector's table as repair.projection; docs/repair.md has an example", "%v", err)
	}
	if !t.Writable() {
		return finding(doctor.Error, "name the table that it shows as repair.projection", "%s is no table, so no plan can write to it", table)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(t.Columns, func(c repair.Column) bool { return c.Name == name })
	}
	for _, name := range slices.Sorted(maps.Keys(c.Repair.Columns)) {
		if !has(name) {
			return finding(doctor.Error, "correct repair.columns", "%s has no column %s", table, name)
		}
	}
	if key := repair.Name(c.Projection.Key); key == "" || !has(key) {
		return finding(doctor.Warning, "plans find rows by projection.key", "%s has no column that is projection.key (%s)", table, c.Projection.Key)
	}
	return finding(doctor.OK, "", "plans of repair write to %s", table)
}
