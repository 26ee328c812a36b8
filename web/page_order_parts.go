package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// cellsView is an order side by side.
type cellsView struct {
	Columns []columnView
	Rows    []rowView
	Differ  int // rows
}

type columnView struct{ Name, Note, Changed string }

type rowView struct {
	Field string
	Off   bool
	Cells []cellView
}

type cellView struct {
	Name, Text string // of the column, and the value
	Off        bool   // it is not as legacy has it, or as the first that tells
	None       bool   // the representation does not tell
}

func cellsOf(r explain.Report) *cellsView {
	names := r.Shown()
	t := &cellsView{}
	for _, n := range names {
		c := columnView{Name: string(n)}
		switch {
		case r.Incomplete(n):
			c.Note = "not read completely"
		case r.Representations[n] == nil:
			c.Note = "does not have it"
		}
		if at, ok := r.ChangedAt[n]; ok {
			c.Changed = human.Instant(at)
		}
		t.Columns = append(t.Columns, c)
	}
	for _, field := range r.Fields {
		row := rowView{Field: field, Off: r.Differ(field)}
		var first *string
		told := false
		for _, n := range names {
			v, ok := r.Representations[n][field]
			cell := cellView{Name: string(n), None: !ok}
			if ok {
				cell.Text = human.Clipped(human.ShownValue(v), 400)
				cell.Off = told && !r.Incomplete(n) && !explain.Same(first, v)
			}
			if ok && !told {
				first, told = v, true
			}
			row.Cells = append(row.Cells, cell)
		}
		if row.Off {
			t.Differ++
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// momentView is one thing that happened to the order.
type momentView struct {
	at    time.Time
	Time  string
	After string // the time since the moment before; empty if it is short
	From  string // which record tells it
	What  string
	More  string // which event
	Set   []changedView
	Parts bool
}

// changedView is a field that an event changed.
type changedView struct{ Field, From, To string }

const (
	// shownMoments is how long a timeline is: the newest, and where the representations part.
	shownMoments = 150
	// longAfter is from when on the time between two moments is told.
	longAfter = time.Second
)

// moments are what the records tell of an order.
func (v *orderView) moments(r explain.Report) {
	var before map[string]*string
	for _, m := range r.Timeline {
		one := momentView{at: m.At, From: m.Source, What: short(m.What), Parts: m.Parts}
		if m.Event != "" {
			one.More = "event " + m.Event
		}
		if m.ID != "" {
			one.More = strings.TrimSpace(one.More + " " + short(m.ID))
		}
		if m.Source == string(order.Events) {
			one.Set, before = changedBy(r.Fields, before, m.After), m.After
		}
		v.Timeline = append(v.Timeline, one)
	}
	for is, at := range r.ChangedAt {
		v.Timeline = append(v.Timeline, momentView{at: at, From: string(is), What: "the row was last changed"})
	}
}

func changedBy(fields []string, before, after map[string]*string) (set []changedView) {
	for _, f := range fields {
		to, ok := after[f]
		if from, had := before[f]; ok && (!had || !explain.Same(from, to)) {
			c := changedView{Field: f, To: value(to)}
			if had {
				c.From = value(from)
			}
			set = append(set, c)
		}
	}
	return set
}

// seen adds when crosscheck saw a divergence, and what became of it.
func (v *orderView) seen(d verify.Divergence) {
	of := string(d.Mismatch.Kind) + " at " + string(d.Mismatch.Hop)
	v.Timeline = append(v.Timeline, momentView{at: d.FirstSeen, From: "crosscheck", What: "first seen to differ: " + of, More: string(d.FoundBy) + " pass"})
	if a := d.Acceptance; a != nil {
		v.Timeline = append(v.Timeline, momentView{at: a.At, From: "crosscheck", What: "accepted by " + short(a.Who) + ": " + short(a.Why), More: "until " + human.Instant(a.Until)})
	}
	if d.State == verify.Resolved {
		v.Timeline = append(v.Timeline, momentView{at: d.ResolvedAt, From: "crosscheck", What: "seen to agree again: " + of})
	}
}

// settleTimeline sorts the moments, leaves out what is too much, and says how far they are apart.
func (v *orderView) settleTimeline() {
	slices.SortStableFunc(v.Timeline, func(a, b momentView) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	if rest := len(v.Timeline) - shownMoments; rest > 0 {
		kept := v.Timeline[rest:]
		for _, m := range slices.Backward(v.Timeline[:rest]) {
			if m.Parts {
				kept = slices.Insert(kept, 0, m)
				rest--
			}
		}
		v.LeftOut = fmt.Sprintf("%s earlier moments are left out: crosscheck explain prints them all.", human.Number(int64(rest)))
		v.Timeline = kept
	}
	for i := range v.Timeline {
		m := &v.Timeline[i]
		m.Time = m.at.UTC().Format("2006-01-02 15:04:05.000")
		if i == 0 {
			continue
		}
		if after := m.at.Sub(v.Timeline[i-1].at); after >= longAfter {
			m.After = human.Duration(after) + " later"
		}
	}
}

// changeOf words a change if it names the order.
func changeOf(c board.Change, key string) (v changeView, ok bool) {
	var of struct {
		OrderID string   `json:"order_id"`
		Orders  []string `json:"orders"`
		Why     string   `json:"why"`
		Until   string   `json:"until"`
	}
	if json.Unmarshal(c.Request, &of) != nil || of.OrderID != key && !slices.Contains(of.Orders, key) {
		return v, false
	}
	v = changeView{When: human.Instant(c.At), Who: short(c.Who), Action: c.Action, Why: short(of.Why), Outcome: short(cmp.Or(c.Outcome, "not known"))}
	if of.Until != "" {
		v.Action += " until " + short(of.Until)
	}
	return v, true
}
