package ledger

import (
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// The gate reads facts of a pass only in this file. Sums over many passes are computed in SQL, so two facts are named
// here.
const (
	sampledFact    = `coalesce((facts->>'sampled')::bigint, 0)`
	populationFact = `coalesce(greatest((facts->>'legacy_rows')::bigint, (facts->>'projection_rows')::bigint), 0)`
)

// The passes that have a fact.
const (
	foundEvents  = `coverage >= 1 AND facts #> '{events,found}' IS NOT NULL`
	foundChanges = `coverage >= 1 AND (facts #>> '{changes,recorded}')::bigint > 0`
)

// ofFewer is true of a pass that looked at fewer orders than the configuration says. What it found counts; that it found
// nothing does not.
const ofFewer = `coalesce((facts->>'fewer')::boolean, false)`

// evidencePass is a pass as the gate judges it. If this program cannot read its facts, it does not count as a match.
func evidencePass(p verify.Pass) *gate.Pass {
	g := gate.Pass{
		ID: int64(p.ID), Kind: string(p.Kind), Verdict: string(p.Result.Verdict), Reason: p.Result.Reason,
		StartedAt: p.StartedAt, FinishedAt: p.FinishedAt, Compared: p.Scan.Compared, Coverage: p.Scan.Coverage,
		Diverged: p.Result.Diverged, Unverified: p.Result.Unverified,
	}
	switch f := p.Scan.Facts.(type) {
	case verify.FullFacts:
		g.LegacyRows, g.ProjectionRows, g.Unsampled = f.Legacy, f.Projection, f.Unsampled
		g.ByNumber = f.Plan == verify.ByNumber || f.Plan == verify.ByBoth && f.Ranges > 0 && f.Counts == nil
		g.Counts, g.Strata = evidenceCounts(f.Counts), evidenceStrata(f.Strata)
	case verify.SampleFacts:
		g.Strata, g.Unsampled, g.Fewer = evidenceStrata(f.Strata), f.Refused, f.Fewer // its numbers of rows are estimates
	case verify.UnknownFacts:
		if p.Result.Verdict == compare.Match {
			g.Verdict, g.Reason = string(compare.Unverified), "the pass was written by another version of crosscheck with facts that this one does not know"
		}
	}
	return &g
}

// evidenceCounts distinguishes nil (not counted) from empty (counted, and there were no rows).
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

// evidenceEvents is the result of a full verification that compared all of legacy with the events. Unjudged orders do
// not count as having their events, and at most as many orders have events as the events give.
func evidenceEvents(p *verify.Pass) *gate.EventsEvidence {
	if p == nil {
		return nil
	}
	f, ok := p.Scan.Facts.(verify.FullFacts)
	if !ok {
		return nil
	}
	legacy := f.Legacy - f.Events.Archived
	return &gate.EventsEvidence{
		Legacy: legacy, Archived: f.Events.Archived, Orders: f.Events.Orders, Flawed: f.Events.Found.Flawed, Gaps: f.Events.Found.Gaps, At: p.StartedAt,
		Unjudged:   p.Result.Unverified,
		WithEvents: min(max(0, legacy-f.Events.Found.Without-p.Result.Unverified), f.Events.Orders),
	}
}

// evidenceChanges is the result of a pass that drew orders and found changes in legacy's own record, and the orders with changes that
// have no event.
func evidenceChanges(p *verify.Pass) (*gate.ChangesEvidence, []verify.Unrecorded) {
	if p == nil {
		return nil, nil
	}
	var c verify.Changes
	switch f := p.Scan.Facts.(type) {
	case verify.FullFacts:
		c = f.Changes
	case verify.SampleFacts:
		c = f.Changes
	default:
		return nil, nil
	}
	return &gate.ChangesEvidence{Changes: c.Recorded, WithEvents: c.WithEvents, At: p.StartedAt}, c.Without
}
