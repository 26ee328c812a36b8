package web

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// NewStatus is the board as the page and the API show it.
func NewStatus(b board.Board) Status {
	status := Status{
		At: b.At.UTC(), Decision: b.Decision, Open: b.OpenCount(), Accepted: b.Accepted, Suspects: b.Suspects,
		Divergences: newDivergences(b.Listed, b.At, b.ValuesHidden),
	}
	status.Flow, status.Cutover = newFlow(b), b.Cutover
	status.VerifiedThrough, status.History = newWatermark(b.Evidence.Verified, b.At), newHistory(b.Evidence.History, b.At)
	for _, r := range b.Stream.Readers {
		status.Readers = append(status.Readers, Reader{Partition: r.Partition, Reader: r.Name, Waiting: r.Waiting})
	}
	for _, p := range b.Passes {
		status.Passes = append(status.Passes, NewPass(p, b.At))
	}
	for _, k := range b.Kinds {
		if k.Schedule != nil {
			status.Schedule = append(status.Schedule, newSchedule(k))
		}
	}
	return status
}

func newWatermark(w *gate.Watermark, now time.Time) *Watermark {
	if w == nil {
		return nil
	}
	var old *OldEvents
	if !w.OldEventsAt.IsZero() {
		old = &OldEvents{w.OldEvents, w.OldEventsAt}
	}
	return &Watermark{
		OldEvents: old, At: w.Through, AgeSeconds: now.Sub(w.Through).Round(time.Millisecond).Seconds(), Pass: w.Kind, PassID: w.Pass, Accepted: w.Accepted,
	}
}

// NewPass is a pass as it is shown now.
func NewPass(p verify.Pass, now time.Time) Pass {
	w := Pass{
		ID: int64(p.ID), Pass: string(p.Kind), State: string(p.State), Trigger: p.Trigger, StartedAt: p.StartedAt,
		DurationSeconds: now.Sub(p.StartedAt).Seconds(), Compared: p.Scan.Compared, Coverage: p.Scan.Coverage, Throttled: p.Slowed, Sharing: p.Sharing,
	}
	if p.State == verify.Done {
		w.Verdict = string(p.Result.Verdict)
		if p.Result.Verdict != compare.Diverged || p.Scan.Coverage < 1 || p.Kind == verify.Frozen { // of others the page says itself how many have
			w.Reason = p.Result.Reason
		}
		w.Diverged, w.Unverified = p.Result.Diverged, p.Result.Unverified
		w.FinishedAt, w.DurationSeconds = &p.FinishedAt, p.FinishedAt.Sub(p.StartedAt).Seconds()
	}
	return w
}

func newSchedule(k board.Kind) Schedule {
	w := Schedule{Pass: string(k.Kind), Cron: k.Schedule.String(), Overdue: k.Overdue}
	if !k.NextDue.IsZero() {
		w.Next = &k.NextDue
	}
	if w.Failures = k.Failures; w.Failures > 0 {
		w.FailingSince, w.LastError = &k.FailingSince, k.Finished.Result.Reason
	}
	if w.Overdue {
		w.Reason = fmt.Sprintf("the run due at %s has not begun", k.NextDue.UTC().Format(time.DateTime))
	}
	return w
}

// NewReport is a report as it is written down. Who writes it adds the version, and the limits of the configuration.
func NewReport(r board.Report) Report {
	out := Report{
		Decision: r.Decision, Full: r.Evidence.Full, Counted: r.Evidence.Counted, Sample: r.Evidence.Sample, Open: r.Open, Accepted: r.Accepted,
		OpenListed: newDivergences(r.OpenListed, r.Decision.At, r.ValuesHidden), AcceptedListed: newDivergences(r.AcceptedListed, r.Decision.At, r.ValuesHidden),
		Confidence: r.Bound.Confidence, MaxRatio: r.Bound.MaxRatio, Verified: newWatermark(r.Evidence.Verified, r.Decision.At),
		History: newHistory(r.Evidence.History, r.Decision.At),
	}
	if f := r.Evidence.Fields; f != nil {
		out.GroupBy = f.GroupBy
	}
	for _, p := range r.Trend {
		out.Trend = append(out.Trend, NewTrendPoint(p))
	}
	return out
}

func newDivergences(found []verify.Divergence, now time.Time, hidden bool) []Divergence {
	var out []Divergence
	for _, d := range found {
		shown := NewDivergence(d, now)
		for i, f := range shown.Fields {
			if hidden {
				shown.Fields[i] = Field{Name: f.Name, Hidden: true}
			}
		}
		out = append(out, shown)
	}
	return out
}

// NewDivergence is a divergence as it is shown now.
func NewDivergence(d verify.Divergence, now time.Time) Divergence {
	shown := Divergence{
		OrderID: string(d.Mismatch.Key), Kind: string(d.Mismatch.Kind), Hop: d.Mismatch.Hop, Cause: string(d.Mismatch.Cause),
		Fields: []Field{}, FirstSeen: d.FirstSeen.UTC(), AgeSeconds: now.Sub(d.FirstSeen).Round(time.Millisecond).Seconds(),
		State: string(d.State), FoundBy: string(d.FoundBy),
	}
	if a := d.Acceptance; a != nil {
		shown.Acceptance = &Acceptance{Who: a.Who, Why: a.Why, At: a.At, Until: a.Until}
	}
	for _, f := range d.Mismatch.Fields {
		shown.Fields = append(shown.Fields, Field{Name: f.Name, Values: &Values{ValueText(f.Legacy), eventsText(f.Events), ValueText(f.Projection)}})
	}
	return shown
}

// eventsText tells NULL from not known.
func eventsText(v *order.Value) any {
	if v == nil {
		return nil
	}
	return ValueText(v)
}

// ValueText is a value as JSON has it; nil is NULL.
func ValueText(v *order.Value) *string {
	if v == nil || v.Null {
		return nil
	}
	return &v.Text
}

// NewTrendPoint is a point of a trend as it is shown.
func NewTrendPoint(p board.TrendPoint) TrendPoint {
	return TrendPoint{At: p.StartedAt, Pass: string(p.Kind), Verdict: p.Verdict, Diverged: p.Diverged, Bound: p.Bound}
}
