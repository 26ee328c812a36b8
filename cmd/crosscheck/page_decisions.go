package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/web"
)

// decisionReport is the report of a decision on record. Its evidence is on record too; the lists are those that the ledger has now.
func (s *sidecar) decisionReport(ctx context.Context, l board.Link) (web.Report, error) {
	var d gate.Decision
	var e gate.Evidence
	if err := json.Unmarshal(l.Decision, &d); err != nil {
		return web.Report{}, fmt.Errorf("decoding decision %d: %w", l.Seq, err)
	}
	if err := json.Unmarshal(l.Evidence, &e); err != nil {
		return web.Report{}, fmt.Errorf("decoding the evidence of decision %d: %w", l.Seq, err)
	}
	d.Record = &gate.Record{Seq: l.Seq, Who: l.Who, Hash: l.Hash}
	known, err := board.GatherReport(ctx, s.ledger, s.config.Gate.Criteria.SampleBound, d, e)
	if err != nil {
		return web.Report{}, err
	}
	known.Trend = slices.DeleteFunc(known.Trend, func(p board.TrendPoint) bool { return p.StartedAt.After(d.At) })
	if !s.config.Web.ShowValues {
		known = known.OnRecordWithoutValues()
	}
	r := web.NewReport(known)
	r.ListsOfNow = true
	r.Version, r.Revision, r.System = version, revision(), systemOf(s.config)
	r.Compared, r.BlindSpots = comparedBy(s.config), blindSpots(s.config)
	r.Limits = []string{"The decision and its evidence are those on record. The lists of divergences, what is compared, and the blind spots are those of now."}
	return r, nil
}

// plan asks the guardrails of a cutover by the connections of the sidecar.
func (s *sidecar) plan(ctx context.Context, p *program) (web.CutoverPlan, error) {
	c := s.config
	plan := web.CutoverPlan{Budget: c.Cutover.Budget, Reserve: c.Cutover.RollbackReserve, At: time.Now()}
	opened, err := s.open(ctx)
	if err != nil {
		return plan, err
	}
	basis, err := opened.basis(ctx, c)
	if err != nil {
		return plan, err
	}
	fence, err := newFence(c)
	if err != nil {
		return plan, err
	}
	asked := &guarding{cutting: &cutting{program: p, config: c, fence: fence, ledger: s.ledger, sides: opened, basis: basis, decides: basis}, planned: true}
	for _, g := range asked.Guardrails(ctx, steps.Scope{Run: c.Cutover.Name}) {
		plan.Guardrails = append(plan.Guardrails, web.Guardrail{Name: g.Name, Detail: c.Mask(g.Detail), Passes: g.Passes})
	}
	return plan, nil
}
