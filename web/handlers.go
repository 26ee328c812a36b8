package web

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/explain"
)

// site answers requests.
type site struct {
	log      *slog.Logger
	status   *shared[Status]
	ready    *shared[Readiness]
	access   access
	system   System
	compared Compared
	now      func() time.Time

	api        API
	hide       bool // values of orders
	summary    *shared[told]
	viewers    turns
	reading    turns
	explaining turns
	closing    <-chan struct{}

	// What pages read, shared by their viewers.
	found   keyed[found]
	looks   keyed[explain.Report]
	changes keyed[[]board.Change]
	chain   keyed[decisionsView]
	cutting *shared[cutoverPage]
	plan    asked[CutoverPlan]

	base  string     // what stands before the paths of a pair; empty for one that is alone
	pairs []pairSite // of a site of several

	tokens  *tokens
	origins *http.CrossOriginProtection
}

// wrong is how a page tells that something cannot be shown.
func (s *site) wrong(r *http.Request, err error) (code int, said string) {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.Code, refused.Error()
	}
	s.log.WarnContext(r.Context(), "reading for a page", slog.String("path", r.URL.Path), slog.Any("error", err))
	return http.StatusServiceUnavailable, unreadable
}

// parts are shown whether the ledger can be read or not; none if there was no answer in time.
func (s *site) parts(r *http.Request) []Part {
	ready, err := s.ready.get(r.Context())
	if err != nil {
		s.log.WarnContext(r.Context(), "asking the parts", slog.Any("error", err))
	}
	return append([]Part{}, ready.Parts...)
}

// failure is the JSON body of an error.
type failure struct {
	Error string `json:"error"`
}

func (s *site) apiStatus(w http.ResponseWriter, r *http.Request) {
	status, err := s.status.get(r.Context())
	if err != nil {
		s.log.WarnContext(r.Context(), "reading the status for the API", slog.Any("error", err))
		s.json(w, r, http.StatusServiceUnavailable, failure{unreadable})
		return
	}
	status.Parts = s.parts(r)
	s.json(w, r, http.StatusOK, status)
}

func (s *site) readyz(w http.ResponseWriter, r *http.Request) {
	ready, err := s.ready.get(r.Context())
	if err != nil {
		ready = Readiness{Parts: []Part{{Name: "readiness", Reason: "There was no answer in time."}}}
	}
	if !s.access.sees(r) { // an error may quote what a database said
		ready = ready.withoutReasons()
	}
	code := http.StatusOK
	if !ready.Ready {
		code = http.StatusServiceUnavailable
	}
	s.json(w, r, code, ready)
}

func (s *site) json(w http.ResponseWriter, r *http.Request, code int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		s.log.ErrorContext(r.Context(), "writing JSON", slog.Any("error", err))
		code, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // the client has left: nothing to do
}

// healthz says only that the process is alive. A database that is away is not a reason to restart crosscheck.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}
