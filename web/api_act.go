package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	// maxBody is how long the body of a request may be, and maxOrders how many orders it may name.
	maxBody, maxOrders = 1 << 20, 1000
	// changeTimeout is how long a change may take, and noteTimeout how long it may take to write down its outcome.
	changeTimeout, noteTimeout = 25 * time.Second, 5 * time.Second
	// approvedFor is how long an approval holds unless the request says otherwise.
	approvedFor = 24 * time.Hour
)

// Selection is what is accepted or withdrawn together. An empty part selects everything, but one must be given.
type Selection struct {
	Orders []string  `json:"orders,omitempty"`
	Hop    order.Hop `json:"hop,omitempty"`  // divergences alone
	Kind   string    `json:"kind,omitempty"` // of findings of audits alone; with Count, of divergences
	Cause  string    `json:"cause,omitempty"`
	Field  string    `json:"field,omitempty"` // the only one that differs; divergences alone
	// Divergences leaves findings of audits alone. It selects nothing by itself.
	Divergences bool `json:"divergences,omitempty"`
	// Count makes it the divergences that the list of divergences has for hop, kind, cause and field, if they are as many as that.
	Count *int64 `json:"count,omitempty"`
	// DryRun counts what would be changed, and changes nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// Answer is what was accepted or withdrawn.
type Answer struct {
	Answer     string      `json:"answer"` // accepted, withdrawn
	DryRun     bool        `json:"dry_run"`
	Groups     []Answered  `json:"groups"`
	NotFound   []string    `json:"not_found"` // orders of the request that have nothing to accept or to withdraw
	Acceptance *Acceptance `json:"acceptance,omitempty"`
}

// Answered counts divergences of one hop, or findings of one part of audits.
type Answered struct {
	Hop    order.Hop `json:"hop,omitempty"`
	Part   string    `json:"part,omitempty"`
	Kind   string    `json:"kind"`
	Cause  string    `json:"cause"`
	Count  int64     `json:"count"`
	Orders int64     `json:"orders"`
}

// Rechecked is what a look at an order, just made, has changed in the ledger.
type Rechecked struct {
	OrderID     string       `json:"order_id"`
	Pass        *Pass        `json:"pass"`        // null if the look has not ended yet
	Divergences []Divergence `json:"divergences"` // of the order that are not resolved
}

// action is something that a user can change.
type action struct {
	name  string // in the journal
	needs Role
	// prepare reads and checks the request. What it returns does it; request is what is written down.
	prepare func(s *site, r *http.Request, u User) (request any, do func(context.Context) (any, error), err error)
}

// change serves an action of the API.
func (s *site) change(of func() action) http.HandlerFunc {
	a := of()
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := s.perform(w, r, a)
		switch {
		case err != nil:
			s.fail(w, r, err)
		case isForm(r) && local(r.PostForm.Get("return")):
			http.Redirect(w, r, r.PostForm.Get("return"), http.StatusSeeOther)
		default:
			s.json(w, r, http.StatusOK, answer)
		}
	}
}

// perform does an action: for users with the role, from this site's own pages, written down before it is done.
func (s *site) perform(w http.ResponseWriter, r *http.Request, a action) (answer any, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	u, err := s.allowed(r, a.needs)
	if err != nil {
		return nil, err
	}
	request, do, err := a.prepare(s, r, u)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), changeTimeout)
	defer cancel()
	answer, err = s.journalled(ctx, u, a.name, request, do)
	s.changed(ctx)
	return answer, err
}

// changed makes the pages show what has just been changed.
func (s *site) changed(ctx context.Context) {
	s.found.forget()
	s.looks.forget()
	s.changes.forget()
	s.status.forget(ctx)
}

// mayChange says why a user may not change anything.
func (s *site) mayChange(u User, needs Role) error {
	switch {
	case u.Name == "" && s.access.auth == "" && s.access.proxy.Header == "":
		return refusef(http.StatusForbidden, "nothing can be changed here, because nobody is known by name: set web.auth with basic_auth_users, or web.proxy, and give roles with web.roles")
	case u.Name == "":
		return refusef(http.StatusForbidden, "nothing can be changed without a user's name: log in, or come through the proxy of web.proxy")
	case !u.Role.may(needs):
		return refusef(http.StatusForbidden, "the user %s has the role %s, and this needs the role %s: see web.roles", u.Name, u.Role, needs)
	}
	return nil
}

// allowed says who asks, and refuses everybody who may not.
func (s *site) allowed(r *http.Request, needs Role) (User, error) {
	u := s.access.user(r)
	if err := s.mayChange(u, needs); err != nil {
		return u, err
	}
	if kind := mediaType(r); kind != typeJSON && kind != typeForm {
		return u, refusef(http.StatusUnsupportedMediaType, "the body must be %s or %s", typeJSON, typeForm)
	}
	switch ok, err := s.sameSite(r, u); {
	case err != nil:
		return u, err
	case !ok:
		return u, refusef(http.StatusForbidden, "the request has no valid token: get one from /api/v1/me and send it in the header %s, with its cookie; in a browser, load the page again", csrfHeader)
	}
	return u, nil
}

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

func mediaType(r *http.Request) string {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

func isForm(r *http.Request) bool { return mediaType(r) == typeForm }

// local reports whether it is a path of this site.
func local(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.ContainsAny(path, "\\\r\n")
}

// journalled writes down who asks for what, does it, and writes down what has become of it. What cannot be written down is not done.
func (s *site) journalled(ctx context.Context, u User, name string, request any, do func(context.Context) (any, error)) (any, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	id, err := s.api.Journal.BeginChange(ctx, board.Change{Who: u.Name, Role: string(u.Role), Action: name, Request: text})
	if err != nil {
		return nil, err
	}
	answer, err := do(ctx)
	outcome := "done"
	if err != nil {
		outcome = "failed; the log says why"
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			outcome = "refused: " + refused.Error()
		}
	}
	s.log.InfoContext(ctx, "a user has asked for a change", slog.String("user", u.Name), slog.String("action", name), slog.Int64("change", id), slog.String("outcome", outcome))
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	if noted := s.api.Journal.EndChange(noting, id, outcome); noted != nil {
		s.log.WarnContext(ctx, "writing down the outcome of a change", slog.Any("error", noted)) // the change itself is done
	}
	return answer, err
}

// body reads the request: JSON, or the fields of a form of the same names.
func body(r *http.Request, into any, form func(get func(string) string)) error {
	if isForm(r) {
		if err := r.ParseForm(); err != nil {
			return refusef(http.StatusBadRequest, "the form cannot be read")
		}
		form(r.PostForm.Get)
		return nil
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return refusef(http.StatusBadRequest, "the body cannot be read: %w", err)
	}
	if d.More() {
		return refusef(http.StatusBadRequest, "the body has more than one JSON object")
	}
	return nil
}

// acceptRequest is the body of a request to accept.
type acceptRequest struct {
	Selection
	Why   string `json:"why"`
	Until string `json:"until"`
}

func acceptAction() action {
	return action{name: "accept", needs: Operator, prepare: func(s *site, r *http.Request, u User) (any, func(context.Context) (any, error), error) {
		var a acceptRequest
		err := body(r, &a, func(get func(string) string) {
			a.Selection, a.Why, a.Until = selectionOf(r, get), get("why"), get("until")
		})
		if err != nil {
			return nil, nil, err
		}
		if err := a.check(); err != nil {
			return nil, nil, err
		}
		now := s.now()
		until, err := untilOf(a.Until, now)
		if err != nil {
			return nil, nil, err
		}
		if a.Why = strings.TrimSpace(a.Why); a.Why == "" {
			return nil, nil, refusef(http.StatusBadRequest, "why is missing: say why it may stay")
		}
		return a, func(ctx context.Context) (any, error) {
			return s.api.Accept(ctx, a.Selection, verify.Acceptance{Who: u.Name, Why: a.Why, At: now, Until: until})
		}, nil
	}}
}

func withdrawAction() action {
	return action{name: "withdraw", needs: Operator, prepare: func(s *site, r *http.Request, _ User) (any, func(context.Context) (any, error), error) {
		var of Selection
		if err := body(r, &of, func(get func(string) string) { of = selectionOf(r, get) }); err != nil {
			return nil, nil, err
		}
		if err := of.check(); err != nil {
			return nil, nil, err
		}
		return of, func(ctx context.Context) (any, error) { return s.api.Withdraw(ctx, of) }, nil
	}}
}

// selectionOf reads the fields of a form; orders may be given several times.
func selectionOf(r *http.Request, get func(string) string) Selection {
	of := Selection{Orders: r.PostForm["orders"], Hop: order.Hop(get("hop")), Kind: get("kind"), Cause: get("cause"), Field: get("field"), Divergences: get("divergences") == "true", DryRun: get("dry_run") == "true"}
	if text := get("count"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			n = 0 // no list to answer for has so many
		}
		of.Count = &n
	}
	return of
}

func (of Selection) check() error {
	switch _, err := hopOf(string(of.Hop)); {
	case err != nil:
		return err
	case len(of.Orders) == 0 && of.Hop == "" && of.Kind+of.Cause+of.Field == "":
		return refusef(http.StatusBadRequest, "nothing is selected: give orders, hop, field, kind or cause")
	case of.Count != nil && (*of.Count < 1 || len(of.Orders) > 0):
		return refusef(http.StatusBadRequest, "count is the number of divergences that a list has for hop, kind, cause and field, at least 1; give no orders with it")
	case of.Count != nil:
		return nil
	case len(of.Orders) > maxOrders:
		return refusef(http.StatusBadRequest, "at most %d orders at once; select more of them by hop, field, cause or kind", maxOrders)
	case (of.Hop != "" || of.Field != "" || of.Divergences) && of.Kind != "":
		return refusef(http.StatusBadRequest, "hop and field are of divergences, and kind is of findings of audits: give no kind with them")
	}
	return nil
}

// untilOf reads a time in the future.
func untilOf(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil && t.After(now) {
			return t.UTC(), nil
		}
	}
	return time.Time{}, refusef(http.StatusBadRequest, "until must be a time in the future, such as 2999-12-01T08:00:00Z or 2999-12-01, found %q", text)
}

// recheckRequest is what the journal has of a recheck.
type recheckRequest struct {
	OrderID string `json:"order_id"`
}

func recheckAction() action {
	return action{name: "recheck", needs: Operator, prepare: func(s *site, r *http.Request, _ User) (any, func(context.Context) (any, error), error) {
		var empty struct{}
		if err := body(r, &empty, func(func(string) string) {}); err != nil {
			return nil, nil, err
		}
		of := recheckRequest{orderOf(r)}
		return of, func(ctx context.Context) (any, error) {
			done, err := s.api.Recheck(ctx, of.OrderID)
			if s.hide {
				for _, d := range done.Divergences {
					hideValues(d.Fields)
				}
				if done.Pass != nil && done.Pass.Reason != "" {
					done.Pass.Reason = gate.Hidden
				}
			}
			return done, err
		}, nil
	}}
}

// approveRequest is the body of a request to approve.
type approveRequest struct {
	Ticket string `json:"ticket"`
	Slice  string `json:"slice"` // COLUMN=VALUE; empty: all orders
	Until  string `json:"until"` // empty: for 24 hours
	// Decision is the only one that may be approved; 0: the newest.
	Decision int64 `json:"decision,omitempty"`
}

func approveAction() action {
	return action{name: "approve", needs: Approver, prepare: func(s *site, r *http.Request, u User) (any, func(context.Context) (any, error), error) {
		var a approveRequest
		err := body(r, &a, func(get func(string) string) {
			a = approveRequest{Ticket: get("ticket"), Slice: get("slice"), Until: get("until")}
			if text := get("decision"); text != "" {
				if a.Decision, _ = strconv.ParseInt(text, 10, 64); a.Decision < 1 {
					a.Decision = -1 // no decision has this number
				}
			}
		})
		if err != nil {
			return nil, nil, err
		}
		now := s.now()
		until := now.Add(approvedFor)
		if a.Until != "" {
			if until, err = untilOf(a.Until, now); err != nil {
				return nil, nil, err
			}
		}
		switch a.Ticket = strings.TrimSpace(a.Ticket); {
		case a.Ticket == "":
			return nil, nil, refusef(http.StatusBadRequest, "ticket is missing: say where the approval is on record with you")
		case s.api.Approve == nil:
			return nil, nil, refusef(http.StatusNotFound, "no cutover is configured")
		}
		given := gate.Approval{Who: u.Name, Ticket: a.Ticket, Until: until, Decision: a.Decision}
		return a, func(ctx context.Context) (any, error) { return s.api.Approve(ctx, given, a.Slice) }, nil
	}}
}
