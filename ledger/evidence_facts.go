package ledger

import (
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// What the gate reads of the facts of a pass is in this file alone. Sums over many passes are SQL's, so two facts have a
// name here.
const (
	sampledFact    = `coalesce((facts->>'sampled')::bigint, 0)`
	populationFact = `coalesce(greatest((facts->>'legacy_rows')::bigint, (facts->>'projection_rows')::bigint), 0)`
)

// The passes that have a fact.
const (
	foundEvents  = `coverage >= 1 AND facts #> '{events,found}' IS NOT NULL`
	foundChanges = `coverage >= 1 AND (facts #>> '{changes,recorded}')::bigint > 0`
)

// evidencePass is a pass as the gate judges it. One whose facts this program cannot read is not known to be a match.
func evidencePass(p verify.Pass) *gate.Pass {
	g := gate.Pass{
		ID: int64(p.ID), Kind: string(p.Kind), Verdict: string(p.Result.Verdict), Reason: p.Result.Reason,
		StartedAt: p.StartedAt, FinishedAt: p.FinishedAt, Compared: p.Scan.Compared, Coverage: p.Scan.Coverage,
		Diverged: p.Result.Diverged, Unverified: p.Result.Unverified,
	}
	switch f := p.Scan.Facts.(type) {
	case verify.FullFacts:
		g.LegacyRows, g.ProjectionRows = f.Legacy, f.Projection
		g.Counts, g.Strata = evidenceCounts(f.Counts), evidenceStrata(f.Strata)
	case verify.SampleFacts:
		g.LegacyRows, g.ProjectionRows = f.Legacy, f.Projection
		g.Strata = evidenceStrata(f.Strata)
	case verify.UnknownFacts:
		if p.Result.Verdict == compare.Match {
			g.Verdict, g.Reason = string(compare.Unverified), "the pass was written by another version of crosscheck, which knew more of it"
		}
	}
	return &g
}

// evidenceCounts keeps nil (not counted) apart from empty (counted, and there were no rows).
func evidenceCounts(counts []verify.GroupCount) []gate.GroupCount {
	if counts == nil {
		return nil
	}
	out := make([]gate.GroupCount, len(counts))
	for i, c := range counts {
		out[i] = gate.GroupCount{
			Group: c.Group, Legacy: c.Legacy, Projection: c.Projection, Unverified: c.Unverified,
			SettledLegacy: c.SettledLegacy, SettledProjection: c.SettledProjection,
		}
	}
	return out
}

func evidenceStrata(strata []verify.Stratum) (out []gate.Stratum) {
	for _, s := range strata {
		out = append(out, gate.Stratum{Group: s.Group, Age: string(s.Age), Orders: s.Orders, Unverified: s.Unverified})
	}
	return out
}

// evidenceEvents is what a full verification has shown that compared all of legacy with the events. What was not judged has
// not been shown to have them, and no more orders have events than the events give.
func evidenceEvents(p *verify.Pass) *gate.EventsEvidence {
	if p == nil {
		return nil
	}
	f, ok := p.Scan.Facts.(verify.FullFacts)
	if !ok {
		return nil
	}
	return &gate.EventsEvidence{
		Legacy: f.Legacy, Orders: f.Events.Orders, Flawed: f.Events.Found.Flawed, Gaps: f.Events.Found.Gaps, At: p.FinishedAt,
		WithEvents: min(max(0, f.Legacy-f.Events.Found.Without-p.Result.Unverified), f.Events.Orders),
	}
}

// evidenceChanges is what a pass has shown that drew orders and found changes in legacy's own record.
func evidenceChanges(p *verify.Pass) *gate.ChangesEvidence {
	if p == nil {
		return nil
	}
	var c verify.Changes
	switch f := p.Scan.Facts.(type) {
	case verify.FullFacts:
		c = f.Changes
	case verify.SampleFacts:
		c = f.Changes
	default:
		return nil
	}
	return &gate.ChangesEvidence{Changes: c.Recorded, WithEvents: c.WithEvents, At: p.StartedAt}
}
