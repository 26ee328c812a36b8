package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	// lookFor is how long one look at an order is shown to all who ask for it.
	lookFor = 15 * time.Second
	// shownSightings is how many divergences of an order its page has, and readChanges how many changes are searched for it.
	shownSightings, readChanges = 100, 500
)

// orderView is the page of one order.
type orderView struct {
	Key, Path string
	Canonical string // the key as the databases print it
	Unknown   string // why there is no look at the order; the rest is from the ledger
	Missing   bool   // no representation has it
	Hidden    bool   // values are not shown
	Verdict   verdictView
	Further   []verdictView
	Table     *cellsView
	Timeline  []momentView
	LeftOut   string // of the timeline
	Topic     string
	Sightings []sightingView
	Unread    string // why the sightings are not known
	Changes   []changeView
	Form      formView
	Moved     string // the order is at the new side
}

// verdictView is what is said of an order at one hop.
type verdictView struct {
	Said, Tone, Hop, Cause, Confidence, Reason, Next string
	Or                                               []string
}

// sightingView is one divergence of the order, as the ledger has it.
type sightingView struct {
	divergenceView

	Tone, First, Last, Resolved, FoundBy string
}

// changeView is what somebody asked for.
type changeView struct{ When, Who, Action, Why, Outcome string }

// orderOf is the key that a request names: in its path, or as the parameter id where a path cannot hold it.
func orderOf(r *http.Request) string {
	if id := r.PathValue("id"); id != "" {
		return id
	}
	return r.URL.Query().Get("id")
}

func (s *site) order(w http.ResponseWriter, r *http.Request) {
	key := orderOf(r)
	if r.PathValue("id") == "" && r.URL.Query().Has("id") && orderPath(key)[len("/orders/")] != '?' {
		http.Redirect(w, r, s.base+orderPath(key), http.StatusSeeOther)
		return
	}
	s.show(w, r, "order", frame{Page: "Divergences", Title: "Order " + human.Shown(short(key)), Live: true}, func(ctx context.Context, f *frame) error {
		v := orderView{Key: key, Path: orderPath(key), Hidden: s.hide, Form: s.form(w, r)}
		f.View, f.code = &v, max(f.code, v.Form.typed(r))
		at := s.now()
		canonical := key
		if !s.hide {
			report, err := s.lookAt(ctx, key)
			f.code = max(f.code, v.look(s, r, err))
			if err == nil {
				canonical = report.OrderID
				v.explain(report)
			}
			at = s.now()
		}
		if f.code == http.StatusBadRequest && refused(r) == nil || !storable(canonical) { // it is no key, so nothing is known of it
			return nil
		}
		sightings, err := s.sightings(ctx, f.Decision.Fingerprint, canonical)
		if err != nil {
			s.logged(ctx, "reading what the ledger has of an order", err)
			f.code, v.Unread = http.StatusServiceUnavailable, unreadable
		}
		v.Canonical = canonical
		v.ledger(sightings, at, s.hide)
		v.Changes = s.changesOf(ctx, canonical)
		if v.Missing && len(v.Sightings) > 0 {
			f.code = v.Form.typed(r) // it was there
		}
		return nil
	})
}

// lookAt looks at an order for all who ask in the same moment.
func (s *site) lookAt(ctx context.Context, key string) (explain.Report, error) {
	if !storable(key) {
		return explain.Report{}, refusef(http.StatusBadRequest, "no order can have this key: it is no text")
	}
	if s.api.Look == nil {
		return explain.Report{}, refusef(http.StatusNotFound, "nothing can be compared yet")
	}
	return s.looks.get(ctx, key, func(ctx context.Context) (explain.Report, error) {
		release, err := s.explaining.enter(ctx)
		if err != nil {
			return explain.Report{}, refusef(http.StatusServiceUnavailable, "Other orders are looked at. The page tries again.")
		}
		defer release()
		return s.api.Look(ctx, key)
	})
}

// look says why an order could not be looked at, and returns the status of the answer; 0 if it is fine.
func (v *orderView) look(s *site, r *http.Request, err error) (code int) {
	refused, worded := errors.AsType[*RefusedError](err)
	switch {
	case err == nil:
		return 0
	case worded && refused.Code == http.StatusNotFound && errors.Is(err, explain.ErrNoSuchOrder):
		v.Missing = true
		return refused.Code
	case worded:
		v.Unknown = refused.Error()
		return refused.Code
	case errors.Is(err, context.DeadlineExceeded):
		v.Unknown = fmt.Sprintf("The databases did not answer within %s, so what they have of the order is not known now.", human.Duration(readTimeout))
	default:
		v.Unknown = "A database cannot be read, so what it has of the order is not known now. The log of crosscheck says why."
	}
	s.logged(r.Context(), "looking at an order for its page", err)
	return http.StatusServiceUnavailable
}

// sightings are the divergences of an order, the newest first, whatever has become of them.
func (s *site) sightings(ctx context.Context, fingerprint, key string) ([]verify.Divergence, error) {
	if s.api.Listed == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	release, err := s.reading.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return s.api.Listed.ListDivergences(ctx, board.Filter{Fingerprint: fingerprint, Key: order.Key(key)}, board.Place{}, shownSightings)
}

func (v *orderView) ledger(sightings []verify.Divergence, now time.Time, hide bool) {
	for i, shown := range newDivergences(sightings, now, hide) {
		d := sightings[i]
		one := sightingView{divergenceView: divergenceOf(shown), Tone: "bad", First: human.Instant(d.FirstSeen), Last: human.Instant(d.LastSeen), FoundBy: string(d.FoundBy)}
		switch d.State {
		case verify.Resolved:
			one.Tone, one.Resolved = "good", human.Instant(d.ResolvedAt)
		case verify.Accepted:
			one.Tone = "unknown"
		case verify.Open:
		}
		v.Sightings = append(v.Sightings, one)
		v.seen(d)
	}
	v.Form.Open = slices.ContainsFunc(sightings, func(d verify.Divergence) bool { return d.State == verify.Open })
	v.Form.Accepted = slices.ContainsFunc(sightings, func(d verify.Divergence) bool { return d.State == verify.Accepted })
	v.settleTimeline()
}

// explain words a report.
func (v *orderView) explain(r explain.Report) {
	v.Verdict = verdictView{
		Said: string(r.Verdict), Tone: tone(string(r.Verdict)), Hop: string(r.Hop), Cause: string(r.Cause), Confidence: string(r.Confidence), Reason: short(r.Reason), Next: r.NextStep,
	}
	for _, c := range r.Or {
		v.Verdict.Or = append(v.Verdict.Or, string(c))
	}
	if r.Moved != nil {
		v.Moved = sentence(r.Moved.String())
	}
	if v.Verdict.Reason == "" && r.Verdict == compare.Match {
		if v.Verdict.Reason = "All representations agree."; r.Moved != nil {
			v.Verdict.Reason = "The new side agrees."
		}
	}
	if r.Verdict == compare.Lagging {
		v.Verdict.Next = "The order may still be on its way. This page looks again."
	}
	v.Verdict.Reason = sentence(v.Verdict.Reason)
	if r.LagEvents > 0 && v.Verdict.Reason == "" {
		v.Verdict.Reason = "The projection is " + human.Quantity(int64(r.LagEvents), "event", "events") + " behind."
	}
	for _, h := range r.Further {
		v.Further = append(v.Further, verdictView{
			Said: string(h.Verdict), Tone: tone(string(h.Verdict)), Hop: string(h.Hop), Cause: string(h.Cause), Confidence: string(h.Confidence), Reason: sentence(short(h.Reason)), Next: h.NextStep,
		})
	}
	for _, found := range r.Stream {
		v.Further = append(v.Further, verdictView{Said: string(found.Kind), Tone: "bad", Hop: string(order.EventsToStream), Cause: string(found.Cause), Reason: "The stream was followed, and this was first seen at " + human.Instant(found.FirstSeen) + "."})
	}
	if t := r.Topic; t != nil {
		v.Topic = fmt.Sprintf("%s of the order, of %s read from the topic.", human.Quantity(int64(t.Messages), "message", "messages"), human.Number(t.Read))
		if t.Reason != "" {
			v.Topic += " Not everything was read: " + short(t.Reason) + "."
		}
	}
	v.Table = cellsOf(r)
	v.moments(r)
}

// changesOf are what users asked for this order, of the newest that the ledger has; none if they cannot be read.
func (s *site) changesOf(ctx context.Context, key string) (shown []changeView) {
	if s.api.Logged == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	changes, err := s.changes.get(ctx, "", func(ctx context.Context) ([]board.Change, error) {
		return s.api.Logged.ListChanges(ctx, 0, readChanges)
	})
	if err != nil {
		s.logged(ctx, "reading changes for the page of an order", err)
	}
	for _, c := range changes {
		if v, ok := changeOf(c, key); ok {
			shown = append(shown, v)
		}
	}
	return shown
}
