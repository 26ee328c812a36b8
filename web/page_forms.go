package web

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

// # Forms
//
// A form of a page is sent to the page's own address. It is the same request as that of the API: the same checks, the same record. If it
// is refused, the page comes back with the reason and with what was typed. If not, the browser is sent back to the page, with one
// line that says what was done.

const (
	// saidCookie carries the line across the redirect.
	saidCookie = "crosscheck_said"
	saidFor    = time.Minute
	// acceptedFor is the end of an acceptance that a form offers.
	acceptedFor = 7 * 24 * time.Hour
)

// formView is what a user can do on a page.
type formView struct {
	User  string
	Token string // empty if the user may not act
	Not   string // why not
	Path  string // to which the forms are sent

	Open, Accepted bool         // there is something to accept, or to withdraw
	Group          string       // all that the filter selects, counted and in words; empty if it cannot be answered for together
	Whole          board.Filter // of the group
	Count          int64        // how many it has

	// What was typed, and why it was refused.
	Refused    string
	Why, Until string
	Ticket     string // of an approval
	Slice      string
	Ticked     map[string]bool // by hop and order, as the list has them
	Scope      string
}

// pageActions are what the forms of pages do.
var pageActions = map[string]func() action{"accept": acceptAction, "withdraw": withdrawAction, "recheck": recheckAction, "approve": approveAction}

// form says what an operator may do here.
func (s *site) form(w http.ResponseWriter, r *http.Request) formView {
	return s.formOf(w, r, Operator, acceptedFor)
}

// formOf says what a user with a role may do here, with something that is to end.
func (s *site) formOf(w http.ResponseWriter, r *http.Request, needs Role, lasts time.Duration) formView {
	v := formView{Path: r.URL.RequestURI(), Until: s.now().Add(lasts).UTC().Format("2006-01-02T15:04"), Ticked: map[string]bool{}}
	u := s.access.user(r)
	if err := s.mayChange(u, needs); err != nil {
		v.Not = err.Error()
		return v
	}
	token, err := s.csrfToken(w, r, u)
	if err != nil {
		v.Not = "nothing can be changed now: " + unreadable
		return v
	}
	v.User, v.Token = u.Name, token
	return v
}

// act serves the forms of a page, which is shown again if one is refused.
func (s *site) act(again http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			r.PostForm = url.Values{}
		}
		if !isForm(r) { // the API takes JSON, and pages do not
			again(w, refusedForm(r, refusef(http.StatusUnsupportedMediaType, "the body must be %s", typeForm)))
			return
		}
		of, known := pageActions[r.PostForm.Get("action")]
		if !known {
			again(w, refusedForm(r, refusef(http.StatusBadRequest, "the form does not say what to do")))
			return
		}
		if err := scoped(r); err != nil {
			again(w, refusedForm(r, err))
			return
		}
		answer, err := s.perform(w, r, of())
		if err != nil {
			if _, worded := errors.AsType[*RefusedError](err); !worded {
				s.logged(r.Context(), "doing what a form asks for", err)
				err = refusef(http.StatusServiceUnavailable, "It is not known whether it was done. The log of crosscheck says why.")
			}
			again(w, refusedForm(r, err))
			return
		}
		http.SetCookie(w, saidLine(done(answer), r))
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
	}
}

// scoped leaves of a form either what is ticked or the group. Nothing that is ticked must not become the whole group, and an order that is
// ticked at one hop must not be answered for at another.
func scoped(r *http.Request) error {
	switch r.PostForm.Get("scope") {
	case "group":
		r.PostForm.Del("orders")
	case "ticked":
		for _, of := range []string{"orders", "kind", "cause", "field", "count"} { // of the group
			r.PostForm.Del(of)
		}
		for i, tick := range r.PostForm["ticks"] {
			hop, key, _ := strings.Cut(tick, "|")
			if i > 0 && hop != r.PostForm.Get("hop") {
				return refusef(http.StatusBadRequest, "the ticked divergences are at several hops: tick those of one, or filter by a hop")
			}
			r.PostForm.Set("hop", hop)
			r.PostForm.Add("orders", key)
		}
		if len(r.PostForm["orders"]) == 0 {
			return refusef(http.StatusBadRequest, "no order is ticked: tick those that are meant in the list")
		}
	}
	return nil
}

// refusedKey is where a request keeps why its form was refused.
type refusedKey struct{}

func refusedForm(r *http.Request, err error) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), refusedKey{}, err))
}

// refused is why the form of a request was refused; nil if it was not, or if it is none.
func refused(r *http.Request) *RefusedError {
	err, _ := r.Context().Value(refusedKey{}).(error)
	of, _ := errors.AsType[*RefusedError](err)
	return of
}

// typed gives back what a refused form had, and returns the status of the answer; 0 if there was none.
func (v *formView) typed(r *http.Request) (code int) {
	err := refused(r)
	if err == nil {
		return 0
	}
	v.Refused, v.Why, v.Until, v.Scope = err.Error(), r.PostForm.Get("why"), r.PostForm.Get("until"), r.PostForm.Get("scope")
	v.Ticket, v.Slice = r.PostForm.Get("ticket"), r.PostForm.Get("slice")
	for _, tick := range r.PostForm["ticks"] {
		v.Ticked[tick] = true
	}
	return err.Code
}

// done says what was done, in one line.
func done(answer any) string {
	switch a := answer.(type) {
	case Answer:
		said := a.Answer + " " + strings.Join(countsOf(a.Groups), " and ")
		if a.Acceptance != nil {
			said += ", until " + human.Instant(a.Acceptance.Until)
		}
		if len(a.NotFound) > 0 {
			said += fmt.Sprintf("; %s had nothing to change", human.Quantity(int64(len(a.NotFound)), "order", "orders"))
		}
		return strings.ToUpper(said[:1]) + said[1:] + "."
	case Rechecked:
		if a.Pass == nil {
			return "The recheck has begun. It ends when the order has been at rest for the settle window."
		}
		return fmt.Sprintf("Rechecked by pass %d: %s.", a.Pass.ID, a.Pass.Verdict)
	case gate.Approval:
		return fmt.Sprintf("Decision %d is approved (%s), until %s.", a.Decision, short(a.Ticket), human.Instant(a.Until))
	default:
		return "Done."
	}
}

// countsOf says how many divergences and how many findings of audits are answered for, and where.
func countsOf(groups []Answered) (all []string) {
	var counts [2]int64
	var places [2][]string
	for _, g := range groups {
		kind, place := 0, string(g.Hop)
		if g.Part != "" {
			kind, place = 1, g.Part
		}
		if counts[kind] += g.Count; !slices.Contains(places[kind], place) {
			places[kind] = append(places[kind], place)
		}
	}
	for kind, name := range [][2]string{{"divergence", "divergences"}, {"finding of audits", "findings of audits"}} {
		if counts[kind] > 0 {
			all = append(all, human.Quantity(counts[kind], name[0], name[1])+" at "+strings.Join(places[kind], ", "))
		}
	}
	return all
}

// saidLine is a cookie that no script can read and no other site can make a browser send.
func saidLine(text string, r *http.Request) *http.Cookie {
	return &http.Cookie{
		Name: saidCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(text)), Path: "/", MaxAge: int(saidFor.Seconds()),
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	}
}

// said takes the line that the answer before has left.
func said(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(saidCookie)
	if err != nil || c.Value == "" {
		return ""
	}
	gone := saidLine("", r)
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return ""
	}
	return short(strings.ToValidUTF8(string(text), ""))
}
