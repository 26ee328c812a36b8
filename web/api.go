package web

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/report"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// API is what the JSON API reads beyond the status, and what it can change. All of it must be safe for concurrent use, and return
// when its context ends.
type API struct {
	Listed  board.Listed
	Logged  board.Logged
	Journal board.Journal
	// Accepted returns what is accepted under a fingerprint, or under any if it is empty.
	Accepted func(ctx context.Context, fingerprint string) (Accepted, error)
	// Findings are those of audits.
	Findings func(ctx context.Context, fingerprint string, state verify.DivergenceState, limit int) ([]verify.AuditFinding, error)
	// Runs are the journals of the cutover. It is nil if no cutover is configured.
	Runs    func(context.Context) ([][]cutover.Record, error)
	Cutover string // its name
	// Held is what is known at the hold point of a run that is there.
	Held func(ctx context.Context, run string) (*cutoverrun.Held, error)
	// Report says what became of a run, or of the one that matters most; without texts that may quote a value, if they are to be hidden. It
	// is nil if no cutover is configured.
	Report func(ctx context.Context, run string, hide bool) (report.Report, error)
	// DecisionReport is the report of a decision on record.
	DecisionReport func(context.Context, board.Link) (Report, error)
	// Plan asks the guardrails of a cutover; nil if none is configured.
	Plan func(context.Context) (CutoverPlan, error)
	// Key is the key of an order as the databases print it. It refuses what is none.
	Key func(ctx context.Context, given string) (order.Key, error)
	// Explain looks at an order now, with the steps of its history if they are wanted.
	Explain func(ctx context.Context, key string, steps bool) (explain.Report, error)
	// Look is Explain for a page: it looks once, and does not wait for what may still be on its way.
	Look func(ctx context.Context, key string) (explain.Report, error)
	// ExplainFor is how long Explain may take.
	ExplainFor time.Duration

	Accept   func(context.Context, Selection, verify.Acceptance) (Answer, error)
	Withdraw func(context.Context, Selection) (Answer, error)
	Recheck  func(ctx context.Context, key string) (Rechecked, error)
	// Approve is of all orders if the slice is empty. Of what is given it takes Who, Ticket and Until, and Decision unless it is 0.
	Approve func(ctx context.Context, given gate.Approval, slice string) (gate.Approval, error)
}

//go:embed openapi.yaml
var openAPI []byte

// route is one path of the API.
type route struct {
	method, path string
	serve        http.HandlerFunc
}

// routes are all paths of the API.
func (s *site) routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, "/api/status", s.apiStatus},
		{get, "/api/v1/status", s.apiStatus},
		{get, "/api/v1/events", s.apiEvents},
		{get, "/api/v1/decision", s.apiDecision},
		{get, "/api/v1/criteria", s.apiCriteria},
		{get, "/api/v1/decisions", s.read(s.apiDecisions)},
		{get, "/api/v1/decisions/{seq}", s.read(s.apiDecided)},
		{get, "/api/v1/divergences", s.read(s.apiDivergences)},
		{get, "/api/v1/divergences/counts", s.read(s.apiCounts)},
		{get, "/api/v1/orders/{id}", s.apiOrder},
		{get, "/api/v1/passes", s.read(s.apiPasses)},
		{get, "/api/v1/audit", s.apiAudit},
		{get, "/api/v1/audit/findings", s.read(s.apiFindings)},
		{get, "/api/v1/cutover", s.read(s.apiCutover)},
		{get, "/api/v1/cutover/runs/{run}", s.read(s.apiRun)},
		{get, "/api/v1/acceptances", s.read(s.apiAccepted)},
		{get, "/api/v1/changes", s.read(s.apiChanges)},
		{get, "/api/v1/pairs", s.apiPairs},
		{get, "/api/v1/me", s.apiMe},
		{get, "/api/v1/openapi.yaml", s.apiSpec},
		{post, "/api/v1/acceptances", s.change(acceptAction)},
		{post, "/api/v1/acceptances/withdraw", s.change(withdrawAction)},
		{post, "/api/v1/orders/{id}/recheck", s.change(recheckAction)},
		{post, "/api/v1/cutover/approvals", s.change(approveAction)},
	}
}

const (
	// readers is how many requests read the ledger at once; the others wait for their turn.
	readers = 4
	// explainers is how many orders are explained or rechecked at once.
	explainers = 2
	// pageSize and maxPage are how many things a list has, unless and at most.
	pageSize, maxPage = 100, 1000
)

// RefusedError is an answer to a request that cannot be served, in words for who has sent it.
type RefusedError struct {
	Code int
	Err  error
}

// Error implements error.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Refuse says with which status a request is refused, and why.
func Refuse(code int, err error) error { return &RefusedError{code, err} }

func refusef(code int, format string, args ...any) error {
	return Refuse(code, fmt.Errorf(format, args...)) //nolint:err113 // the texts are for people
}

// read serves what a handler reads from the ledger.
func (s *site) read(answer func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		release, err := s.reading.enter(ctx)
		if err != nil {
			s.fail(w, r, refusef(http.StatusServiceUnavailable, "there was no turn in time; try again"))
			return
		}
		defer release()
		value, err := answer(r.WithContext(ctx))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.json(w, r, http.StatusOK, value)
	}
}

// turns lets a few in at once.
type turns chan struct{}

func (t turns) enter(ctx context.Context) (release func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fail answers with what is wrong. Only what was worded for the sender is told in full.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		s.json(w, r, refused.Code, failure{refused.Error()})
		return
	}
	s.log.WarnContext(r.Context(), "answering a request of the API", slog.String("path", r.URL.Path), slog.Any("error", err))
	s.json(w, r, http.StatusServiceUnavailable, failure{unreadable})
}

// fingerprint is what is compared now; empty if it is not known.
func (s *site) fingerprint(ctx context.Context) (string, error) {
	status, err := s.status.get(ctx)
	return status.Decision.Fingerprint, err
}

// known refuses parameters that a path does not have, because a filter that does not work looks like one that finds nothing.
func known(r *http.Request, names ...string) error {
	for name, values := range r.URL.Query() {
		if !slices.Contains(names, name) {
			return refusef(http.StatusBadRequest, "unknown parameter %q", name)
		}
		if len(values) > 1 {
			return refusef(http.StatusBadRequest, "the parameter %q is given twice", name)
		}
		if !storable(values[0]) {
			return refusef(http.StatusBadRequest, "the parameter %q is no text", name)
		}
	}
	return nil
}

// limitOf reads the parameter limit.
func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return pageSize, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, refusef(http.StatusBadRequest, "limit must be from 1 to %d, found %q", maxPage, text)
	}
	return n, nil
}

// numberOf reads a cursor that is a number; 0 if there is none.
func numberOf(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("cursor")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, errCursor()
	}
	return n, nil
}

// storable reports whether a database can hold a text at all.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

func errCursor() error {
	return refusef(http.StatusBadRequest, "the cursor is none that a list has given")
}

// stateOf reads the parameter state: open by default, and empty for all.
func stateOf(r *http.Request) (verify.DivergenceState, error) {
	switch text := r.URL.Query().Get("state"); text {
	case "", string(verify.Open):
		return verify.Open, nil
	case string(verify.Accepted), string(verify.Resolved):
		return verify.DivergenceState(text), nil
	case "all":
		return "", nil
	default:
		return "", refusef(http.StatusBadRequest, "state must be open, accepted, resolved or all, found %q", text)
	}
}

func hopOf(text string) (order.Hop, error) {
	for _, hop := range order.Hops() {
		if text == "" || string(hop) == text {
			return order.Hop(text), nil
		}
	}
	return "", refusef(http.StatusBadRequest, "hop must be one of %v, found %q", order.Hops(), text)
}

// page cuts a list that was read with one item more than wanted. more is true if there was one.
func page[T any](items []T, limit int) (shown []T, more bool) {
	if len(items) > limit {
		return items[:limit], true
	}
	return append([]T{}, items...), false // a list is never null
}

func (s *site) apiSpec(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPI) // the client has left: nothing to do
}

// me is who asks, and what they may do.
type me struct {
	User
	// Token is for the header X-CSRF-Token of requests that change something; the cookie has it too. Empty for somebody without a name.
	Token string `json:"csrf_token,omitempty"`
}

func (s *site) apiMe(w http.ResponseWriter, r *http.Request) {
	is := me{User: s.access.user(r)}
	if is.Name != "" {
		token, err := s.csrfToken(w, r, is.User)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		is.Token = token
	}
	s.json(w, r, http.StatusOK, is)
}

// raw is JSON from the ledger; null if it is none.
func raw(text json.RawMessage) json.RawMessage {
	if !json.Valid(text) {
		return json.RawMessage("null")
	}
	return text
}
