package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// shownDivergences is how many divergences a page has, unless it is told otherwise.
const shownDivergences = 50

// found is what a filter finds: one page, and everything counted. Viewers share it.
type found struct {
	at     time.Time
	list   []verify.Divergence
	more   bool
	counts board.Counts
}

// divergencesView is what the page of divergences shows.
type divergencesView struct {
	Filter      filterView
	Wrong       string // why there is no list
	Count       string
	Of          []facet
	Listed      []divergenceView
	State       verify.DivergenceState // empty for all
	First, Next string                 // the addresses of other pages; empty for none
	Audits      []acceptedView         // findings of audits that are accepted
	Empty       string
	Form        formView
}

// acceptedView are findings of audits that were accepted together.
type acceptedView struct {
	What, Who, Why, Until string
	Count                 string
}

func (s *site) divergences(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "divergences", frame{Page: "Divergences", Title: "Divergences", Live: true}, func(ctx context.Context, f *frame) error {
		v := divergencesView{Filter: s.filterView(r), Form: s.form(w, r)}
		f.View, f.code = &v, max(f.code, v.Form.typed(r))
		if f.Failure != "" {
			return nil
		}
		err := s.find(ctx, r, &v)
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			f.code, v.Wrong = refused.Code, refused.Error()
			return nil
		}
		return err
	})
}

// find reads what the filter of a request selects.
func (s *site) find(ctx context.Context, r *http.Request, v *divergencesView) error {
	if err := known(r, filterNames("limit", "cursor")...); err != nil {
		return err
	}
	limit := shownDivergences
	if r.URL.Query().Get("limit") != "" {
		var err error
		if limit, err = limitOf(r); err != nil {
			return err
		}
	}
	after, err := placeOf(r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	filter, at, err := s.filterOf(r)
	if err != nil {
		return err
	}
	is, err := s.found.get(ctx, filter.Fingerprint+" "+r.URL.Query().Encode(), func(ctx context.Context) (found, error) {
		return s.readFound(ctx, filter, at, after, limit)
	})
	if err != nil {
		return err
	}
	v.show(is, filter, s.hide)
	v.answers(filter, is.counts)
	if after != (board.Place{}) {
		v.First = v.Filter.with("cursor", "")
	}
	if is.more {
		last := is.list[len(is.list)-1]
		v.Next = v.Filter.with("cursor", cursorOf(board.Place{FirstSeen: last.FirstSeen, ID: last.ID}))
	}
	if filter.State != verify.Accepted || s.api.Accepted == nil {
		return nil
	}
	accepted, err := s.api.Accepted(ctx, filter.Fingerprint)
	for _, a := range accepted.Findings {
		v.Audits = append(v.Audits, acceptedFinding(a))
	}
	return err
}

// readFound reads in the turn of one of the few who may.
func (s *site) readFound(ctx context.Context, filter board.Filter, at time.Time, after board.Place, limit int) (found, error) {
	release, err := s.reading.enter(ctx)
	if err != nil {
		return found{}, err
	}
	defer release()
	is := found{at: at}
	if is.list, err = s.api.Listed.ListDivergences(ctx, filter, after, limit+1); err != nil {
		return found{}, err
	}
	is.list, is.more = page(is.list, limit)
	is.counts, err = s.api.Listed.CountDivergences(ctx, filter)
	return is, err
}

func (v *divergencesView) show(is found, filter board.Filter, hide bool) {
	all := sumOf(is.counts)
	state := ""
	if v.State = filter.State; v.State != "" {
		state = string(v.State) + " "
	}
	v.Count = human.Quantity(all, state+"divergence", state+"divergences")
	if rest := all - int64(len(is.list)); rest > 0 {
		v.Count += fmt.Sprintf(", %d on this page, the %s first", len(is.list), verbOf(filter.NewestFirst(), "newest", "oldest"))
	}
	v.Of = facetsOf(is.counts, v.Filter)
	for _, d := range newDivergences(is.list, is.at, hide) {
		v.Listed = append(v.Listed, divergenceOf(d))
	}
	switch {
	case v.Filter.narrows():
		v.Empty = "Nothing matches this filter."
	case v.State == "":
		v.Empty = "No divergence has been found under this configuration."
	default:
		v.Empty = "No divergence is " + string(v.State) + "."
	}
}

// answers says what of the list can be accepted or withdrawn.
func (v *divergencesView) answers(filter board.Filter, counts board.Counts) {
	if len(v.Listed) == 0 {
		return
	}
	v.Form.Open, v.Form.Accepted = v.State == verify.Open, v.State == verify.Accepted
	whole := board.Filter{Fingerprint: filter.Fingerprint, State: filter.State, Hop: filter.Hop, Kind: filter.Kind, Cause: filter.Cause, Field: filter.Field} // what the API can select
	if parts := groupParts(filter); whole == filter && len(parts) > 0 {
		v.Form.Whole, v.Form.Count = whole, sumOf(counts)
		v.Form.Group = human.Quantity(v.Form.Count, string(v.State)+" divergence", string(v.State)+" divergences") + " with " + strings.Join(parts, ", ")
	}
}

// groupParts names what the filter chooses.
func groupParts(f board.Filter) (parts []string) {
	for _, of := range []struct{ name, is string }{{"hop", string(f.Hop)}, {"kind", f.Kind}, {"cause", f.Cause}, {"field", f.Field}} {
		switch {
		case of.name == "cause" && of.is == board.NoCause:
			parts = append(parts, "no known cause")
		case of.is != "":
			parts = append(parts, of.name+" "+short(of.is))
		}
	}
	return parts
}

func sumOf(c board.Counts) (all int64) {
	for _, g := range c.Groups {
		all += g.Count
	}
	return all
}

func verbOf(is bool, one, other string) string {
	if is {
		return one
	}
	return other
}

func acceptedFinding(a AcceptedFinding) acceptedView {
	what := a.Kind
	if a.Cause != "" {
		what += " by " + a.Cause
	}
	return acceptedView{
		What: what + " (audit, " + a.Part + ")", Count: human.Quantity(a.Count, "finding", "findings") + " of " + human.Quantity(a.Orders, "order", "orders"),
		Who: short(a.Acceptance.Who), Why: short(a.Acceptance.Why), Until: human.Instant(a.Acceptance.Until),
	}
}

// facet counts what a filter selects by one of its parameters. Each count leads to what it counts.
type facet struct {
	Name  string
	Bars  []bar
	Clear string // the address without this parameter, if it is set
}

type bar struct {
	Name, Path, Count string
	Share             int // in per cent of all
	On                bool
}

// shownBars is how many counts of a kind a page has.
const shownBars = 8

func facetsOf(c board.Counts, f filterView) (all []facet) {
	causes, hops, kinds := map[string]int64{}, map[string]int64{}, map[string]int64{}
	var sum int64
	for _, g := range c.Groups {
		causes[cmp.Or(g.Cause, board.NoCause)] += g.Count
		hops[string(g.Hop)] += g.Count
		kinds[g.Kind] += g.Count
		sum += g.Count
	}
	fields := map[string]int64{}
	for _, of := range c.Fields {
		fields[of.Field] = of.Count
	}
	if sum == 0 {
		return nil
	}
	for _, of := range []struct {
		name, parameter string
		counts          map[string]int64
	}{{"Field", "field", fields}, {"Cause", "cause", causes}, {"Hop", "hop", hops}, {"Kind", "kind", kinds}} {
		shown := facet{Name: of.name}
		if f.get(of.parameter) != "" {
			shown.Clear = f.with(of.parameter, "")
		}
		for name, n := range of.counts {
			shown.Bars = append(shown.Bars, bar{Name: name, Path: f.with(of.parameter, name), Count: human.Number(n), Share: int(n * 100 / sum), On: f.get(of.parameter) == name})
		}
		slices.SortFunc(shown.Bars, func(a, b bar) int {
			return cmp.Or(cmp.Compare(of.counts[b.Name], of.counts[a.Name]), strings.Compare(a.Name, b.Name))
		})
		shown.Bars = shown.Bars[:min(len(shown.Bars), shownBars)]
		all = append(all, shown)
	}
	return all
}

// filterView is the form of the filter, with what it is set to.
type filterView struct {
	query   url.Values
	Selects []selectView
	Hidden  []fact // parameters that the form keeps
	Clear   bool   // it selects less than everything
}

type selectView struct {
	Label, Name string
	Options     []option
}

type option struct {
	Value, Text string
	On          bool
}

// ages are what the filter offers; the address takes any.
var ages = []option{{Value: "10m", Text: "10 minutes"}, {Value: "1h", Text: "1 hour"}, {Value: "24h", Text: "1 day"}, {Value: "168h", Text: "1 week"}}

func (s *site) filterView(r *http.Request) filterView {
	f := filterView{query: r.URL.Query()}
	choose := func(label, name string, options []option) {
		is := f.get(name)
		known := false
		for i := range options {
			options[i].Text = cmp.Or(options[i].Text, options[i].Value)
			options[i].On = options[i].Value == is
			known = known || options[i].On
		}
		if !known { // the address may ask for what the form does not know
			options = append(options, option{is, short(is), true})
		}
		f.Selects = append(f.Selects, selectView{label, name, options})
	}
	choose("State", "state", []option{{Value: "", Text: "open"}, {Value: "accepted"}, {Value: "resolved"}, {Value: "all"}})
	choose("Hop", "hop", optionsOf(order.Hops()))
	choose("Kind", "kind", optionsOf(kindsOfMismatch()))
	choose("Cause", "cause", append(optionsOf(causeNames()), option{Value: board.NoCause, Text: "not known"}))
	choose("Field", "field", optionsOf(s.fieldNames()))
	choose("At least this old", "min_age", append([]option{{Text: "any"}}, slices.Clone(ages)...))
	if id := f.get("order_id"); id != "" {
		f.Hidden = append(f.Hidden, fact{Name: "order_id", Value: id})
	}
	f.Clear = f.narrows()
	return f
}

func optionsOf[S ~string](names []S) []option {
	options := []option{{Text: "any"}}
	for _, name := range names {
		options = append(options, option{Value: string(name)})
	}
	return options
}

// fieldNames are the compared fields.
func (s *site) fieldNames() (names []string) {
	if f := s.compared.Fields; f != nil {
		names = append(append(names, f.Judged...), f.NotJudged...)
	}
	return names
}

func (f filterView) get(name string) string {
	if is := f.query.Get(name); name != "state" || is != string(verify.Open) {
		return is
	}
	return ""
}

// narrows reports whether more than the state is chosen.
func (f filterView) narrows() bool {
	return slices.ContainsFunc(filterNames()[1:], func(name string) bool { return f.get(name) != "" })
}

// with is the address of the page with a parameter set to another value, or without it. A list begins anew.
func (f filterView) with(name, value string) string {
	q := url.Values{}
	for _, of := range filterNames("limit") {
		if is := f.get(of); is != "" {
			q.Set(of, is)
		}
	}
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	if len(q) == 0 {
		return "/divergences"
	}
	return "/divergences?" + q.Encode()
}

// logged writes what a page was not told to the log, for those who run crosscheck.
func (s *site) logged(ctx context.Context, doing string, err error) {
	s.log.WarnContext(ctx, "a page lacks a part", slog.String("doing", doing), slog.Any("error", err))
}
