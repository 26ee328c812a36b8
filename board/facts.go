package board

import (
	"fmt"
	"reflect"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/verify"
)

// Facts are what alerts are derived from. Without a decision the fingerprint is empty. Then nothing is known about
// divergences and the decision, and open incidents are not resolved.
func (b Board) Facts() incident.Facts {
	f := incident.Facts{Passes: b.passFacts(), Cutover: b.Cutover.fact(b.At)}
	if b.NoDecision != nil {
		return f
	}
	f.Fingerprint, f.Decision, f.Changed = b.Decision.Fingerprint, string(b.Decision.Decision), b.Evidence.Changed
	for _, c := range b.Decision.Criteria {
		if c.Verdict != gate.Passes && !c.Advisory {
			f.Failing = append(f.Failing, c.Name)
			f.Reasons = append(f.Reasons, criterionTold(c, b.Settings.Values))
		}
	}
	f.Open, f.Accepted = b.Groups, b.Acceptances
	f.Audit = audited(b.Evidence.History)
	if b.Settings.Stream {
		f.StreamStopped = b.Stream.Stopped
	}
	return f
}

func audited(e *gate.HistoryEvidence) *incident.Audited {
	if e == nil {
		return nil
	}
	a := &incident.Audited{Pass: e.Pass, Orders: e.OpenOrders}
	for _, f := range e.Found {
		a.Accepted += f.Accepted
		if f.Open > 0 {
			a.Open = append(a.Open, incident.Finding{Kind: f.Kind, Count: f.Open, Migration: f.Part != string(verify.LegacyPart)})
		}
	}
	return a
}

// criterionTold returns a criterion's result in a sentence. If values must stay in the house it leaves out the reason,
// which may quote a value of an order: a group of the counts, or a value in a server's error. Numbers contain no
// values.
func criterionTold(c gate.Result, values bool) string {
	if values {
		return fmt.Sprintf("%s (%s): %s", c.Name, c.Verdict, c.Reason)
	}
	told := fmt.Sprintf("%s (%s)", c.Name, c.Verdict)
	if number(c.Observed) && number(c.Limit) {
		told += fmt.Sprintf(": observed %v, limit %v", c.Observed, c.Limit)
	}
	return told + "; the status page says why"
}

func number(v any) bool {
	switch reflect.ValueOf(v).Kind() { //nolint:exhaustive // of the kinds of Go few are numbers
	case reflect.Int, reflect.Int64, reflect.Float64:
		return true
	default:
		return false
	}
}

// deltaFailures is how many delta passes in a row must be unverified before people are told. There is one every few
// seconds, and the next one covers what it left out.
const deltaFailures = 3

func (b Board) passFacts() []incident.Pass {
	var facts []incident.Pass
	for _, k := range b.Kinds {
		if k.Kind == verify.StreamPass || k.Kind == verify.Recheck {
			continue // each stop of a sidecar breaks one off, and the next one goes on with its orders; a person looks at a recheck
		}
		p := incident.Pass{
			Kind: string(k.Kind), ID: int64(k.Finished.ID), Unverified: k.Finished.Result.Verdict == compare.Unverified,
			Coverage: k.Finished.Scan.Coverage, Overdue: k.Overdue, Due: k.NextDue, Widespread: verify.Told(k.Finished.Scan.Widespread()),
		}
		if k.Kind == verify.Delta && k.Failures < deltaFailures {
			p.Unverified, p.Coverage = false, 1
		}
		if b.Settings.Values { // the reason may quote a server's error, and a value in it
			p.Reason = k.Finished.Result.Reason
		}
		facts = append(facts, p)
	}
	return facts
}
