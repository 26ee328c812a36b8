package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// diagnoseFence looks for tables and partitions whose writers would pass the fence, if the configuration has a cutover.
func diagnoseFence(ctx context.Context, c *config.Config) []doctor.Finding {
	if !c.Cutover.Given() {
		return nil
	}
	finding := func(level doctor.Level, hint, format string, args ...any) []doctor.Finding {
		return []doctor.Finding{{Side: "cutover", Check: "fence", Level: level, Message: doctor.OneLine(fmt.Sprintf(format, args...)), Hint: hint}}
	}
	f, err := newFence(c)
	if err != nil {
		return finding(doctor.Error, "correct cutover.fence", "%v", err)
	}
	state, err := f.State(ctx)
	if err != nil {
		return finding(doctor.Error, "correct cutover.fence; docs/fence.md says what its role needs", "%v", err)
	}
	return slices.Concat(diagnoseState(c, state, finding), diagnoseSlice(ctx, c, f, state), diagnoseReverse(ctx, f))
}

func diagnoseState(c *config.Config, state fence.State, finding func(doctor.Level, string, string, ...any) []doctor.Finding) []doctor.Finding {
	switch kind := state.Kind(); {
	case kind == fence.Partly && state.Other:
		return finding(doctor.Warning, "crosscheck cutover uninstall, then crosscheck cutover install: a fence is not changed in place", "the fence of this name is installed for another configuration: %s", strings.Join(state.Missing, "; "))
	case kind == fence.None:
		return finding(doctor.Info, "crosscheck cutover install, ahead of the cutover", "the fence is not installed yet")
	case kind == fence.Partly:
		return finding(doctor.Warning, "crosscheck cutover install, after each new table or partition", "some writers pass the fence: %s", strings.Join(state.Missing, "; "))
	default:
		return finding(doctor.OK, "", "the fence is on %s, and is %s", strings.Join(c.Cutover.Fence.Tables, ", "), kind)
	}
}
