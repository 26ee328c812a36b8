package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

// passReport is what verify and sample print. Other programs read its fields.
type passReport struct {
	ID      int64  `json:"id,omitempty"` // of the pass in the ledger
	Pass    string `json:"pass"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"` // why the verdict is not match
	// LegacyRows and ProjectionRows are counted; null in a sample, which counts none.
	LegacyRows     *int64  `json:"legacy_rows"`
	ProjectionRows *int64  `json:"projection_rows"`
	Compared       int64   `json:"compared"`
	Coverage       float64 `json:"coverage"`
	Duration       float64 `json:"duration_seconds"`
	Diverged       int64   `json:"diverged"`
	Accepted       int64   `json:"accepted"`   // of the diverged, those that somebody has accepted
	Unverified     int64   `json:"unverified"` // orders that could not be judged
	*gate.Fields
	Widespread []verify.Widespread `json:"widespread,omitempty"` // what most orders have; only examples of it are divergences
	// PortableDigests is true if the servers' own hash functions could not be used.
	PortableDigests bool `json:"portable_digests,omitempty"`
	// Plan is how the two sides were compared; empty if by buckets at once.
	Plan verify.Plan `json:"plan,omitempty"`
	// Positions are where the servers of the two sides were, and Restarts how often a standby's cancels made the scan begin
	// again.
	Positions *verify.Positions `json:"positions,omitempty"`
	Restarts  int               `json:"restarts,omitempty"`
	// Archived is how many orders were compared without their events, because of events.archived; a projection pass did not compare them.
	Archived int64 `json:"archived,omitempty"`
	// Flawed is how many orders a projection pass did not judge, because their events give no state.
	Flawed int64 `json:"flawed,omitempty"`
	// Proof is what a clean full verification or delta has proven, and since when it is so.
	Proof *proofReport `json:"proof,omitempty"`
	// Delta is what a pass of that kind has read.
	Delta *deltaReport `json:"delta,omitempty"`
	// Instead says why everything was compared where only changes were asked for.
	Instead string `json:"full_because,omitempty"`
	// EstimatedRows is what a sample knows instead.
	EstimatedRows *rowsEstimate    `json:"estimated_rows,omitempty"`
	Counts        []countReport    `json:"counts,omitempty"`
	Bound         *boundReport     `json:"bound,omitempty"`
	Divergences   []web.Divergence `json:"divergences"`
	Truncated     bool             `json:"truncated,omitempty"`
}

// proofReport says that every order was compared by a full pass, and every change since by passes that went on from it.
type proofReport struct {
	Through time.Time `json:"through"` // every change until then was compared
	Full    int64     `json:"full"`    // the full pass
	FullAt  time.Time `json:"full_at"`
}

// deltaReport is what was written since the pass that a delta goes on from.
type deltaReport struct {
	Since          int64 `json:"since"` // the pass
	LegacyRows     int64 `json:"legacy_rows"`
	ProjectionRows int64 `json:"projection_rows"`
	Events         int64 `json:"events"`
}

type countReport struct {
	Group      string `json:"group"`
	Legacy     int64  `json:"legacy"`
	Projection int64  `json:"projection"`
	// The rows of orders that differed at the snapshot, and were equal a moment later.
	LegacyInFlight     int64 `json:"legacy_in_flight,omitempty"`
	ProjectionInFlight int64 `json:"projection_in_flight,omitempty"`
}

// boundReport is how many bad orders a sample does not exclude.
type boundReport struct {
	Sampled    int64   `json:"sampled"`
	Confidence float64 `json:"confidence"`
	MaxRatio   float64 `json:"max_ratio"` // of bad orders
	// MaxOrders is MaxRatio of the larger number of estimated rows.
	MaxOrders int64 `json:"max_orders_estimate"`
}

// rowsEstimate is the planner's estimate of the rows of each side.
type rowsEstimate struct {
	Legacy     int64 `json:"legacy"`
	Projection int64 `json:"projection"`
}

// sampleConfidence is the confidence of the bound that a single sample states.
const sampleConfidence = 0.95

func newReport(p verify.Pass, fields *gate.Fields, found []verify.Divergence, accepted int64, now time.Time) passReport {
	r := passReport{
		ID: int64(p.ID), Pass: string(p.Kind), Verdict: string(p.Result.Verdict), Reason: p.Result.Reason,
		Compared: p.Scan.Compared, Coverage: p.Scan.Coverage, Widespread: p.Scan.Widespread(),
		Diverged: p.Result.Diverged, Accepted: accepted, Unverified: p.Result.Unverified, Fields: fields,
		Divergences: make([]web.Divergence, 0, len(found)),
	}
	if !p.FinishedAt.IsZero() {
		r.Duration = p.FinishedAt.Sub(p.StartedAt).Seconds()
	}
	r.addFacts(p)
	for _, d := range found {
		r.Divergences = append(r.Divergences, web.NewDivergence(d, now))
	}
	r.Truncated = ordersIn(r.Divergences) < p.Result.Diverged
	return r
}

// ordersIn counts orders. An order has a divergence for each hop at which it parts.
func ordersIn(found []web.Divergence) int64 {
	orders := map[string]bool{}
	for _, d := range found {
		orders[d.OrderID] = true
	}
	return int64(len(orders))
}

func (r *passReport) addFacts(p verify.Pass) {
	if proof := p.Proof(); proof.Full != 0 {
		r.Proof = &proofReport{proof.Through, int64(proof.Full), proof.FullAt}
	}
	switch f := p.Scan.Facts.(type) {
	case verify.DeltaFacts:
		r.LegacyRows, r.ProjectionRows = &f.Legacy, &f.Projection
		r.Delta = &deltaReport{int64(f.Since), f.Changed.Legacy, f.Changed.Projection, f.Events}
	case verify.FullFacts:
		r.PortableDigests, r.Instead = f.Portable, f.Instead
		r.addPositions(f.Positions, f.Restarts)
		if f.Events != nil {
			r.Archived = f.Events.Archived
		}
		r.Plan = f.Plan
		if f.Counts != nil || f.Plan == verify.ByNumber || f.Ranges > 0 { // else the pass ended before it had counted
			r.LegacyRows, r.ProjectionRows = &f.Legacy, &f.Projection
		}
		for _, c := range f.Counts {
			r.Counts = append(r.Counts, countReport{c.Group, c.Legacy, c.Projection, c.SettledLegacy, c.SettledProjection})
		}
	case verify.ProjectedFacts:
		r.Archived, r.Flawed = f.Archived, f.Flawed
	case verify.SampleFacts:
		r.Archived = f.Archived
		r.addPositions(f.Positions, f.Restarts)
		if f.Larger() > 0 {
			r.EstimatedRows = &rowsEstimate{f.Legacy, f.Projection}
		}
		if f.Sampled > 0 {
			r.Bound = newBound(f, p.Result.Diverged+p.Result.Unverified)
		}
	}
}

func (r *passReport) addPositions(at verify.Positions, restarts int) {
	if r.Restarts = restarts; at != (verify.Positions{}) {
		r.Positions = &at
	}
}

// writeStandbys says which sides are read from standbys.
func (r passReport) writeStandbys(b *strings.Builder) {
	if r.Positions != nil {
		for _, side := range []struct {
			name string
			at   verify.Position
		}{{"legacy", r.Positions.Legacy}, {"projection", r.Positions.Projection}} {
			if side.at.Standby {
				fmt.Fprintf(b, "  %s is read from %s\n", side.name, side.at)
			}
		}
	}
	if r.Restarts > 0 {
		fmt.Fprintf(b, "  began again %s, because a standby cancelled its reads\n", human.Quantity(int64(r.Restarts), "time", "times"))
	}
}

func newBound(f verify.SampleFacts, bad int64) *boundReport {
	ratio := gate.FixedBound(f.Sampled, min(bad, f.Sampled), sampleConfidence)
	return &boundReport{
		Sampled: f.Sampled, Confidence: sampleConfidence,
		MaxRatio: ratio, MaxOrders: int64(ratio*float64(f.Larger()) + 0.5),
	}
}

// exitCode is that of the verdict. If all that has diverged is accepted, and nothing else was left unjudged, there is agreement.
func (r passReport) exitCode() int {
	if r.answered() {
		return exitAgrees
	}
	return exitCode(compare.Verdict(r.Verdict))
}

func (r passReport) answered() bool {
	return r.Verdict == string(compare.Diverged) && r.Diverged > 0 && r.Accepted == r.Diverged && r.Unverified == 0 && r.Coverage >= 1
}

// answered is true of a pass that judged every order it set out to, and of which all that it found diverged is accepted.
func answered(p verify.Pass, accepted int64) bool {
	return newReport(p, nil, nil, accepted, time.Time{}).answered()
}

func exitCode(v compare.Verdict) int {
	switch v {
	case compare.Match:
		return exitAgrees
	case compare.Diverged:
		return exitDiverged
	default:
		return exitUnverified
	}
}

func (r passReport) writeJSON(w io.Writer) error { return writeObject(w, r) }

// textDivergences is how many divergences the text shows. The JSON report and the ledger have more.
const textDivergences = 50

// text is the report for people, in lines of at most width characters where that is possible; 0 is no limit.
func (r passReport) text(width int) string {
	var b strings.Builder
	rows := ""
	switch {
	case r.LegacyRows != nil && r.ProjectionRows != nil:
		rows = fmt.Sprintf("legacy %s, projection %s rows, ", human.Number(*r.LegacyRows), human.Number(*r.ProjectionRows))
	case r.EstimatedRows != nil:
		rows = fmt.Sprintf("legacy about %s, projection about %s rows by the planner's estimate, ",
			human.Number(r.EstimatedRows.Legacy), human.Number(r.EstimatedRows.Projection))
	}
	verdict := strings.ToUpper(r.Verdict)
	if r.answered() {
		verdict = "ACCEPTED"
	}
	fmt.Fprintf(&b, "%s  %s verification of %s in %.1fs (%scoverage %.4g %%)\n",
		verdict, r.Pass, human.Quantity(int64(r.Compared), "order", "orders"), r.Duration, rows, 100*r.Coverage)
	if r.Reason != "" && !r.answered() {
		fmt.Fprintf(&b, "  %s\n", printable(r.Reason))
	}
	if r.Accepted > 0 {
		fmt.Fprintf(&b, "  %s diverged, %s accepted\n", human.Quantity(r.Diverged, "order", "orders"), human.Number(r.Accepted))
	}
	r.writeDelta(&b)
	if r.PortableDigests {
		b.WriteString("  the servers' own hash functions cannot be used: portable digests, which take several times as long\n")
	}
	r.writeStandbys(&b)
	if r.Archived > 0 {
		how := "compared between legacy and projection only"
		if r.Pass == string(verify.Projected) {
			how = "not compared"
		}
		fmt.Fprintf(&b, "  %s %s: the store has no event of them, and events.archived says why\n", human.Quantity(r.Archived, "order was", "orders were"), how)
	}
	if r.Bound != nil {
		fmt.Fprintf(&b, "  %d drawn uniformly: at %g %% confidence at most %.4g %% of all orders are bad, about %d\n",
			r.Bound.Sampled, 100*r.Bound.Confidence, 100*r.Bound.MaxRatio, r.Bound.MaxOrders)
	}
	if slice := r.OfSlice(); slice != "" {
		fmt.Fprintf(&b, "  %s\n", printable(slice))
	}
	if unjudged := r.Unjudged(); unjudged != "" {
		fmt.Fprintf(&b, "  %s\n", printable(unjudged))
	}
	r.writeCounts(&b, width)
	r.writeDivergences(&b, width)
	return b.String()
}

func (r passReport) writeCounts(b *strings.Builder, width int) {
	if len(r.Counts) == 0 {
		return
	}
	b.WriteString("\n")
	t := table{header: []string{"at the snapshot", "legacy", "projection"}, right: map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}}
	flying := slices.ContainsFunc(r.Counts, func(c countReport) bool { return c.LegacyInFlight+c.ProjectionInFlight > 0 })
	if flying {
		t.header = append(t.header, "in flight: legacy", "projection")
	}
	for _, c := range r.Counts {
		cells := []string{human.InColumn(c.Group), strconv.FormatInt(c.Legacy, 10), strconv.FormatInt(c.Projection, 10)}
		if flying {
			cells = append(cells, strconv.FormatInt(c.LegacyInFlight, 10), strconv.FormatInt(c.ProjectionInFlight, 10))
		}
		t.add(cells...)
	}
	t.write(b, width)
}

func (r passReport) writeDivergences(b *strings.Builder, width int) {
	if len(r.Divergences) == 0 {
		return
	}
	b.WriteString("\n")
	shown := r.Divergences[:min(len(r.Divergences), textDivergences)]
	newDivergenceTable(shown, false).write(b, width)
	if rest := r.Diverged - ordersIn(shown); rest > 0 {
		fmt.Fprintf(b, "  … and %d more; --json lists up to --max-divergences, the ledger has all\n", rest)
	}
}

func (r passReport) writeDelta(b *strings.Builder) {
	if r.Instead != "" {
		fmt.Fprintf(b, "  everything was compared, because it is not certain what was written since the pass before: %s\n", printable(r.Instead))
	}
	if r.Delta == nil {
		return
	}
	fmt.Fprintf(b, "  written since pass %d: %s of legacy, %s of the projection", r.Delta.Since,
		human.Quantity(r.Delta.LegacyRows, "row", "rows"), human.Quantity(r.Delta.ProjectionRows, "row", "rows"))
	if r.Delta.Events > 0 {
		fmt.Fprintf(b, ", %s", human.Quantity(r.Delta.Events, "event", "events"))
	}
	b.WriteString("\n")
	if r.Proof != nil {
		fmt.Fprintf(b, "  proven until %s: every order by full pass %d at %s, and every change since\n",
			r.Proof.Through.UTC().Format(time.RFC3339), r.Proof.Full, r.Proof.FullAt.UTC().Format(time.RFC3339))
	}
}
