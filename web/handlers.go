package web

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// site answers requests.
type site struct {
	log    *slog.Logger
	status *shared[Status]
	ready  *shared[Readiness]
	access access
	system System
	now    func() time.Time

	api        API
	hide       bool // values of orders
	summary    *shared[told]
	viewers    turns
	reading    turns
	explaining turns
	closing    <-chan struct{}

	tokens  *tokens
	origins *http.CrossOriginProtection
}

const unreadable = "The ledger cannot be read, so the state is not known. The log of crosscheck says why."

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	code := http.StatusOK
	view := view{Style: style, Status: Status{System: s.system}}
	status, err := s.status.get(r.Context())
	if err != nil {
		s.log.WarnContext(r.Context(), "reading the status for the page", slog.Any("error", err))
		code, view.Failure = http.StatusServiceUnavailable, unreadable
	} else {
		view.show(status)
	}
	for _, p := range s.parts(r) {
		view.Known = append(view.Known, partOf(p))
	}
	var body bytes.Buffer // the answer is the whole page or an error
	if err := pageTemplate.Execute(&body, view); err != nil {
		s.log.ErrorContext(r.Context(), "writing the page", slog.Any("error", err))
		http.Error(w, "the page cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(body.Bytes()) // the visitor has left: nothing to do
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
