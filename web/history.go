package web

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

// maxKinds is how many kinds of findings page and report list. The API has all of them.
const maxKinds = 10

// History is the newest audit of all orders, with what has become of its findings.
type History struct {
	PassID     int64     `json:"pass_id"`
	At         time.Time `json:"at"` // when it started
	AgeSeconds float64   `json:"age_seconds"`
	Orders     int64     `json:"orders"`
	Open       int64     `json:"open_findings"`
	Accepted   int64     `json:"accepted_findings"`
	// Unlisted are findings that were counted and are not in the ledger.
	Unlisted int64           `json:"unlisted_findings,omitempty"`
	Numbers  []HistoryNumber `json:"numbers"`
	Findings []HistoryFound  `json:"findings"`
}

// HistoryNumber is one number of an audit, as docs/audit.md defines it.
type HistoryNumber struct {
	Name   string `json:"name"`
	Counts string `json:"counts"` // what Of is, in words
	// Share is Of out of All; null if there is nothing.
	Share    *float64 `json:"share"`
	Of       int64    `json:"of"`
	All      int64    `json:"all"`
	Excluded int64    `json:"excluded"`
	Unknown  int64    `json:"unknown"`
	// Unaudited are orders that could not be audited, and of which nothing is in All.
	Unaudited int64 `json:"unaudited"`
}

// HistoryFound counts the findings of one kind and cause.
type HistoryFound struct {
	Part     string `json:"part"`
	Kind     string `json:"kind"`
	Cause    string `json:"cause"`
	Open     int64  `json:"open"`
	Accepted int64  `json:"accepted"`
	Resolved int64  `json:"resolved"`
}

func newHistory(e *gate.HistoryEvidence, now time.Time) *History {
	if e == nil {
		return nil
	}
	t := e.Totals()
	h := &History{
		PassID: e.Pass, At: e.At, AgeSeconds: now.Sub(e.At).Round(time.Millisecond).Seconds(), Orders: e.Orders, Open: t.Open, Accepted: t.Accepted,
		Unlisted: e.Unlisted, Numbers: []HistoryNumber{}, Findings: []HistoryFound{},
	}
	for _, n := range e.Numbers {
		shown := HistoryNumber{Name: n.Name, Counts: n.Counts, Of: n.Of, All: n.All, Excluded: n.Excluded, Unknown: n.Unknown, Unaudited: n.Unaudited}
		if n.All > 0 {
			shown.Share = new(float64(n.Of) / float64(n.All))
		}
		h.Numbers = append(h.Numbers, shown)
	}
	for _, f := range e.Found {
		h.Findings = append(h.Findings, HistoryFound(f))
	}
	slices.SortStableFunc(h.Findings, func(a, b HistoryFound) int { return cmp.Compare(b.Open, a.Open) })
	return h
}

// unaudited is how many orders the numbers know nothing of.
func (h *History) unaudited() (n int64) {
	for _, of := range h.Numbers {
		n = max(n, of.Unaudited)
	}
	return n
}

// historyView is the audit in words, for page and report.
type historyView struct {
	Said     string
	Numbers  []numberView
	Findings []foundView
	Rest     string // kinds that are not listed
}

type numberView struct{ Name, Counts, Share, Of, All, Excluded, Unknown string }

type foundView struct{ Part, Kind, Cause, Open, Accepted, Resolved string }

// historyOf is nil if there was no audit. It says how long before now that was.
func historyOf(h *History, now time.Time, ago string) *historyView {
	if h == nil {
		return nil
	}
	v := &historyView{Said: fmt.Sprintf("Audit %d started at %s, %s %s, over %s: %s, %s accepted.", h.PassID, human.Instant(h.At), human.Duration(now.Sub(h.At)), ago,
		human.Quantity(h.Orders, "order", "orders"), human.Quantity(h.Open, "finding is open", "findings are open"), human.Number(h.Accepted))}
	if h.Unlisted > 0 {
		v.Said += " " + human.Quantity(h.Unlisted, "further finding was counted and is", "further findings were counted and are") + " not in the ledger."
	}
	if n := h.unaudited(); n > 0 {
		v.Said += " " + human.Quantity(n, "order", "orders") + " could not be audited. The numbers of events, evidence and times leave out what was not audited."
	}
	for _, n := range h.Numbers {
		shown := numberView{n.Name, n.Counts, "nothing to count", human.Number(n.Of), human.Number(n.All), human.Number(n.Excluded), human.Number(n.Unknown)}
		if n.Share != nil {
			shown.Share = human.Percent(*n.Share)
		}
		v.Numbers = append(v.Numbers, shown)
	}
	for i, f := range h.Findings {
		if i == maxKinds {
			v.Rest = human.Quantity(int64(len(h.Findings)-maxKinds), "more kind is", "more kinds are") + " in the ledger: run crosscheck audit --findings FILE."
			break
		}
		v.Findings = append(v.Findings, foundView{f.Part, short(f.Kind), short(f.Cause), human.Number(f.Open), human.Number(f.Accepted), human.Number(f.Resolved)})
	}
	return v
}
