package web

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

// Report is what gate --report writes: the decision, its evidence, and the limits of that evidence.
type Report struct {
	Decision          gate.Decision
	Version, Revision string
	System            System
	Compared          Compared
	// Full is the last full pass; nil if there is none.
	Full *gate.Pass
	// Counted is the pass that counted rows by group, if that is an older one; nil otherwise.
	Counted *gate.Pass
	// Sample is the newest sample; nil if there is none.
	Sample *gate.Pass
	// Open is how many divergences are open; OpenListed are the oldest of them. Accepted is how many are accepted, and
	// AcceptedListed are the oldest of them.
	Open, Accepted             int64
	OpenListed, AcceptedListed []Divergence
	// ListsOfNow is set if the lists are not from the time of the decision, but from now.
	ListsOfNow bool
	// Trend has the finished passes, the oldest first.
	Trend []TrendPoint
	// Verified is the watermark; nil if nothing has been verified completely.
	Verified *Watermark
	// History is the newest audit of all orders; nil if there is none.
	History *History
	// Confidence and MaxRatio are settings of the criterion sample_bound.
	Confidence, MaxRatio float64
	// GroupBy is the field by whose values orders are counted; empty for none.
	GroupBy string
	// BlindSpots say of what crosscheck may not see whether this configuration has it.
	BlindSpots []BlindSpot
	// Limits are further sentences about what the report does not say.
	Limits []string
}

// BlindSpot is something that crosscheck does not see under some configurations.
type BlindSpot struct {
	Name string
	Here bool   // this configuration has it
	Said string // what that means, or why it is not so
}

// TrendPoint is one pass with the bound on the share of bad orders at that time; 0 if there was none.
type TrendPoint struct {
	At            time.Time
	Pass, Verdict string
	Diverged      int64
	Bound         float64
}

// blind is what crosscheck cannot see under any configuration. docs/guarantees.md has the whole table.
var blind = []string{
	"A value that is wrong in the same way on both sides counts as equal.",
	"A pass does not see what happens after it began. Each criterion says how old its evidence is.",
	"An order that was wrong only between two passes leaves no trace.",
	"A sample bounds the share of bad orders. It never proves that there is none. Only a full verification looks at every order.",
	"The chain on record proves decisions. It does not prove the passes and divergences behind them: anyone who may write the ledger's tables can change those.",
	"crosscheck does not know of readers, writers and jobs that use neither of the two compared tables.",
}

//go:embed report.html
var reportSource string

//go:embed report.css
var reportStyle string

var reportTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("report").Parse(reportSource)) })

// reportView is what the template reads: texts, already worded, not yet escaped.
type reportView struct {
	Report
	Style                         template.CSS
	Tone, Summary, At             string
	Criteria                      []reportCriterion
	Waivers                       []reportWaiver
	OpenRows, AcceptedRows        []divergenceView
	OpenCount, Rest, AcceptedRest string
	Chart                         *chart
	Coverage                      []coverageRow
	Ages                          []ageRow
	FullWhen, FullWhat, FullScore string
	Watermark                     string
	Audit                         *historyView
	GroupTitle                    string
	Spots                         []BlindSpot
	Blind                         []string
}

type reportCriterion struct {
	criterionView
	Age     string
	Excused string
}

type reportWaiver struct {
	gate.Waiver
	Ends, State string
	InForce     bool
}

type coverageRow struct {
	Group, Legacy, Projection, InFlight, Unverified, Share string
}

type ageRow struct {
	Group, Age, Orders, Unverified, Share, Sampled string
}

// WriteReport writes the report as one HTML page without references to other files. Everything from a database is
// escaped.
func WriteReport(w io.Writer, r Report) error {
	v := reportView{
		Report: r, Style: template.CSS(reportStyle), Tone: tone(string(r.Decision.Decision)), //nolint:gosec // ours, not a visitor's
		Summary: summary(r.Decision), At: human.Instant(r.Decision.At), Blind: append(slices.Clone(r.Limits), blind...), Spots: spotsOf(r),
		OpenCount: human.Quantity(r.Open, "divergence is open", "divergences are open"), Chart: newChart(r.Trend, r.MaxRatio),
		GroupTitle: cmp.Or(r.GroupBy, "group"),
	}
	for _, c := range r.Decision.Criteria {
		v.Criteria = append(v.Criteria, reportCriterionOf(c, r.Decision.At))
	}
	for _, a := range r.Decision.Waivers {
		v.Waivers = append(v.Waivers, reportWaiver{a.Waiver, human.Instant(a.Until), waiverState(a.State), a.State == gate.WaiverInForce})
	}
	for _, d := range r.OpenListed {
		v.OpenRows = append(v.OpenRows, divergenceOf(d))
	}
	for _, d := range r.AcceptedListed {
		v.AcceptedRows = append(v.AcceptedRows, divergenceOf(d))
	}
	if rest := r.Open - int64(len(r.OpenListed)); rest > 0 {
		v.Rest = fmt.Sprintf("The oldest %s are listed; %s more are in the ledger.", human.Number(int64(len(r.OpenListed))), human.Number(rest))
	}
	if rest := r.Accepted - int64(len(r.AcceptedListed)); rest > 0 {
		v.AcceptedRest = fmt.Sprintf("%s more are in the ledger.", human.Number(rest))
	}
	if r.ListsOfNow {
		v.OpenCount = human.Quantity(r.Open, "divergence was open", "divergences were open") + " at the decision"
		v.Rest, v.AcceptedRest = "The lists are those of now.", ""
	}
	v.Watermark = "nothing is verified completely yet"
	if r.Verified != nil {
		v.Watermark = throughOf(*r.Verified, r.Decision.At, "before this decision")
	}
	v.Audit = historyOf(r.History, r.Decision.At, "before this decision")
	v.full(r.Full, r.Decision.At)
	v.counts(r.Full)
	if r.Counted != nil {
		v.FullScore += fmt.Sprintf(". It did not count rows by %s; full verification %d did, started at %s", v.GroupTitle, r.Counted.ID, human.Instant(r.Counted.StartedAt))
		v.counts(r.Counted)
		v.ages(r.Counted, r.Sample)
	} else {
		v.ages(r.Full, r.Sample)
	}
	if err := reportTemplate().Execute(w, v); err != nil {
		return fmt.Errorf("rendering the report: %w", err)
	}
	return nil
}

// spotsOf puts those of this configuration first.
func spotsOf(r Report) []BlindSpot {
	accepted := BlindSpot{Name: "accepted divergences", Said: "No divergence is accepted."}
	if r.Accepted > 0 {
		accepted.Here = true
		accepted.Said = human.Quantity(r.Accepted, "divergence is", "divergences are") + " accepted: the decision counts them as answered for, and the rows differ."
	}
	spots := slices.Clone(r.BlindSpots)
	if len(spots) > 0 {
		spots = append(spots, accepted)
	}
	slices.SortStableFunc(spots, func(a, b BlindSpot) int {
		switch {
		case a.Here == b.Here:
			return 0
		case a.Here:
			return -1
		}
		return 1
	})
	return spots
}

func (v *reportView) full(p *gate.Pass, now time.Time) {
	if p == nil {
		return
	}
	v.FullWhen = fmt.Sprintf("Full verification %d started at %s, %s before this decision", p.ID, human.Instant(p.StartedAt), human.Duration(now.Sub(p.StartedAt)))
	v.FullWhat = fmt.Sprintf("%s compared, %s in legacy and %s in the projection", human.Quantity(p.Compared, "order", "orders"), human.Number(p.LegacyRows), human.Number(p.ProjectionRows))
	v.FullScore = fmt.Sprintf("%s covered, %s diverged, %s left unjudged", human.Percent(p.Coverage), human.Number(p.Diverged), human.Number(p.Unverified))
	if p.Coverage < 1 && p.Reason != "" {
		v.FullScore += ": " + strings.TrimRight(p.Reason, ". ")
	}
}

// counts adds the rows of each group.
func (v *reportView) counts(p *gate.Pass) {
	if p == nil {
		return
	}
	for _, g := range p.Counts {
		row := coverageRow{
			Group: short(g.Group), Legacy: human.Number(g.Legacy), Projection: human.Number(g.Projection), Unverified: human.Number(g.Unverified), Share: "-",
			InFlight: human.Number(g.SettledLegacy + g.SettledProjection),
		}
		if size := max(g.Legacy, g.Projection); size > 0 {
			row.Share = human.Percent(float64(size-g.Unverified) / float64(size))
		}
		v.Coverage = append(v.Coverage, row)
	}
}

// ages adds each status and age, with the number of its orders in the newest sample.
func (v *reportView) ages(full, sample *gate.Pass) {
	if full == nil {
		return
	}
	sampled := map[[2]string]int64{} // status and age → orders
	if sample != nil {
		for _, s := range sample.Strata {
			sampled[[2]string{s.Group, s.Age}] = s.Orders
		}
	}
	for _, s := range full.Strata {
		v.Ages = append(v.Ages, ageRow{
			Group: short(s.Group), Age: short(s.Age), Orders: human.Number(s.Orders), Unverified: human.Number(s.Unverified), Share: human.Percent(s.Share()),
			Sampled: human.Number(sampled[[2]string{s.Group, s.Age}]),
		})
	}
}

func reportCriterionOf(r gate.Result, now time.Time) reportCriterion {
	c := reportCriterion{criterionView: criterionView{
		Result: r, Mark: mark(r.Verdict), Tone: tone(string(r.Verdict)), Observed: scalar(r.Observed), Limit: scalar(r.Limit),
	}}
	if !r.EvidenceAt.IsZero() {
		c.Age = human.Duration(now.Sub(r.EvidenceAt)) + " old"
	}
	if w := r.Waiver; w != nil {
		c.Excused = fmt.Sprintf("Waived by %s until %s: %s", short(w.Who), human.Instant(w.Until), short(w.Why))
	}
	return c
}

func waiverState(s gate.WaiverState) string {
	switch s {
	case gate.WaiverInForce:
		return "in force"
	case gate.WaiverExpired:
		return "expired, has no effect"
	case gate.WaiverNotNeeded:
		return "not needed"
	case gate.WaiverRefused:
		return "refused: an error cannot be waived, and a waiver needs who and why"
	case gate.WaiverNotAsked:
		return "criterion is not enabled"
	default:
		return string(s)
	}
}
