package web

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Divergences is one page of divergences.
type Divergences struct {
	Divergences []Divergence `json:"divergences"`
	// Next is the cursor of the next page; empty at the end.
	Next string `json:"next,omitempty"`
}

// Counted are the divergences that a filter selects, counted.
type Counted struct {
	Count  int64              `json:"count"`
	Groups []Group            `json:"groups"` // the largest first
	Fields []board.FieldCount `json:"fields"` // the most frequent first
}

// Group counts divergences of one hop, kind and cause.
type Group struct {
	Hop    order.Hop `json:"hop"`
	Kind   string    `json:"kind"`
	Cause  string    `json:"cause"` // empty if the evidence does not tell
	Count  int64     `json:"count"`
	Oldest time.Time `json:"oldest"` // first seen
}

// filterNames are the parameters of filterOf.
func filterNames(more ...string) []string {
	return append([]string{"state", "order_id", "hop", "kind", "cause", "field", "min_age"}, more...)
}

// filterOf reads which divergences are wanted. They are those under the present configuration.
func (s *site) filterOf(r *http.Request) (f board.Filter, at time.Time, err error) {
	q := r.URL.Query()
	f = board.Filter{Kind: q.Get("kind"), Cause: q.Get("cause"), Field: q.Get("field")}
	if f.State, err = stateOf(r); err != nil {
		return f, at, err
	}
	if f.Hop, err = hopOf(q.Get("hop")); err != nil {
		return f, at, err
	}
	if id := q.Get("order_id"); id != "" {
		if f.Key, err = s.api.Key(r.Context(), id); err != nil {
			return f, at, err
		}
	}
	status, err := s.status.get(r.Context())
	if err != nil {
		return f, at, err
	}
	f.Fingerprint, at = status.Decision.Fingerprint, status.At
	if text := q.Get("min_age"); text != "" {
		age, err := time.ParseDuration(text)
		if err != nil || age < 0 {
			return f, at, refusef(http.StatusBadRequest, "min_age must be a duration such as 90m, found %q", text)
		}
		f.Before = at.Add(-age)
	}
	return f, at, nil
}

func (s *site) apiDivergences(r *http.Request) (any, error) {
	if err := known(r, filterNames("limit", "cursor")...); err != nil {
		return nil, err
	}
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	after, err := placeOf(r.URL.Query().Get("cursor"))
	if err != nil {
		return nil, err
	}
	f, at, err := s.filterOf(r)
	if err != nil {
		return nil, err
	}
	found, err := s.api.Listed.ListDivergences(r.Context(), f, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := page(found, limit)
	list := Divergences{Divergences: append([]Divergence{}, newDivergences(found, at, s.hide)...)}
	if more {
		last := found[len(found)-1]
		list.Next = cursorOf(board.Place{FirstSeen: last.FirstSeen, ID: last.ID})
	}
	return list, nil
}

// cursorOf writes a place down. Only placeOf knows how.
func cursorOf(p board.Place) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d", p.FirstSeen.UnixMicro(), p.ID))
}

func placeOf(cursor string) (p board.Place, err error) {
	if cursor == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return p, errCursor()
	}
	var micros int64
	if _, err := fmt.Sscanf(string(text), "%d %d", &micros, &p.ID); err != nil {
		return p, errCursor()
	}
	p.FirstSeen = time.UnixMicro(micros).UTC()
	return p, nil
}

func (s *site) apiCounts(r *http.Request) (any, error) {
	if err := known(r, filterNames()...); err != nil {
		return nil, err
	}
	f, _, err := s.filterOf(r)
	if err != nil {
		return nil, err
	}
	c, err := s.api.Listed.CountDivergences(r.Context(), f)
	if err != nil {
		return nil, err
	}
	out := Counted{Groups: []Group{}, Fields: append([]board.FieldCount{}, c.Fields...)}
	for _, g := range c.Groups {
		out.Count += g.Count
		out.Groups = append(out.Groups, Group(g))
	}
	return out, nil
}

// Passes is one page of passes, newest first.
type Passes struct {
	Passes []Pass `json:"passes"`
	Next   string `json:"next,omitempty"`
}

func (s *site) apiPasses(r *http.Request) (any, error) {
	if err := known(r, "pass", "verdict", "limit", "cursor"); err != nil {
		return nil, err
	}
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	before, err := numberOf(r)
	if err != nil {
		return nil, err
	}
	f := board.PassFilter{Kind: verify.PassKind(r.URL.Query().Get("pass")), Verdict: r.URL.Query().Get("verdict"), Before: verify.PassID(before)}
	found, err := s.api.Logged.ListPasses(r.Context(), f, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := page(found, limit)
	list := Passes{Passes: []Pass{}}
	for _, p := range found {
		shown := NewPass(p, s.now())
		if s.hide && shown.Reason != "" && p.State == verify.Done {
			shown.Reason = gate.Hidden
		}
		list.Passes = append(list.Passes, shown)
	}
	if more {
		list.Next = fmt.Sprint(found[len(found)-1].ID)
	}
	return list, nil
}

func (s *site) apiOrder(w http.ResponseWriter, r *http.Request) {
	if err := s.explainable(r); err != nil {
		s.fail(w, r, err)
		return
	}
	ctx, done, err := s.slowly(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer done()
	report, err := s.api.Explain(ctx, r.PathValue("id"), r.URL.Query().Get("steps") == "true")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.json(w, r, http.StatusOK, report)
}

func (s *site) explainable(r *http.Request) error {
	if err := known(r, "steps"); err != nil {
		return err
	}
	if steps := r.URL.Query().Get("steps"); !slices.Contains([]string{"", "true", "false"}, steps) {
		return refusef(http.StatusBadRequest, "steps must be true or false, found %q", steps)
	}
	if s.hide {
		return refusef(http.StatusForbidden, "values of orders are hidden by web.show_values; crosscheck explain shows them")
	}
	return nil
}

// Findings are findings of audits, oldest first.
type Findings struct {
	Findings []Finding `json:"findings"`
}

// Finding is one finding of an audit.
type Finding struct {
	OrderID    string      `json:"order_id"`
	Part       string      `json:"part"`
	Kind       string      `json:"kind"`
	Cause      string      `json:"cause"`
	At         time.Time   `json:"at,omitzero"`     // of the record or the event
	Event      string      `json:"event,omitempty"` // its position
	Detail     string      `json:"detail"`
	State      string      `json:"state"`
	FirstSeen  time.Time   `json:"first_seen"`
	Acceptance *Acceptance `json:"acceptance,omitempty"`
}

func (s *site) apiFindings(r *http.Request) (any, error) {
	if err := known(r, "state", "limit"); err != nil {
		return nil, err
	}
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	state, err := stateOf(r)
	if err == nil && state == "" {
		err = refusef(http.StatusBadRequest, "state must be open, accepted or resolved")
	}
	if err != nil {
		return nil, err
	}
	fingerprint, err := s.fingerprint(r.Context())
	if err != nil {
		return nil, err
	}
	found, err := s.api.Findings(r.Context(), fingerprint, state, limit)
	if err != nil {
		return nil, err
	}
	list := Findings{Findings: []Finding{}}
	for _, f := range found {
		list.Findings = append(list.Findings, s.newFinding(f))
	}
	return list, nil
}

func (s *site) newFinding(f verify.AuditFinding) Finding {
	shown := Finding{
		OrderID: string(f.Key), Part: string(f.Part), Kind: f.Kind, Cause: f.Cause, At: f.At, Detail: f.Detail, State: string(f.State), FirstSeen: f.FirstSeen,
		Acceptance: newAcceptance(f.Acceptance),
	}
	if f.Position != order.NoPosition {
		shown.Event = f.Position.String()
	}
	if s.hide {
		shown.Detail = gate.Hidden
	}
	return shown
}

func newAcceptance(a *verify.Acceptance) *Acceptance {
	if a == nil {
		return nil
	}
	return &Acceptance{Who: a.Who, Why: a.Why, At: a.At.UTC(), Until: a.Until.UTC()}
}

// Accepted is everything that is accepted now.
type Accepted struct {
	Count       int64             `json:"accepted_divergences"`
	Divergences []Divergence      `json:"divergences"` // what ends first; not more than 500
	Findings    []AcceptedFinding `json:"findings"`
}

// AcceptedFinding counts findings of audits that were accepted together.
type AcceptedFinding struct {
	Answered
	Acceptance Acceptance `json:"acceptance"`
}

func (s *site) apiAccepted(r *http.Request) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	fingerprint, err := s.fingerprint(r.Context())
	if err != nil {
		return nil, err
	}
	list, err := s.api.Accepted(r.Context(), fingerprint)
	if s.hide {
		for _, d := range list.Divergences {
			hideValues(d.Fields)
		}
	}
	return list, err
}

// hideValues leaves only the names.
func hideValues(fields []Field) {
	for i, f := range fields {
		fields[i] = Field{Name: f.Name, Hidden: true}
	}
}
