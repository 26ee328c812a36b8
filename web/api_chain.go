package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/gate"
)

func (s *site) apiDecision(w http.ResponseWriter, r *http.Request) {
	status, err := s.status.get(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.json(w, r, http.StatusOK, status.Decision)
}

// criteria is what each criterion says now.
type criteria struct {
	At          time.Time     `json:"at"`
	Fingerprint string        `json:"fingerprint"`
	Criteria    []gate.Result `json:"criteria"`
	NotAsked    []string      `json:"not_asked"`
}

func (s *site) apiCriteria(w http.ResponseWriter, r *http.Request) {
	status, err := s.status.get(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	d := status.Decision
	s.json(w, r, http.StatusOK, criteria{d.At, d.Fingerprint, append([]gate.Result{}, d.Criteria...), append([]string{}, d.NotAsked...)})
}

// audit is the newest audit of all orders; null if there is none.
type audit struct {
	Audit *History `json:"audit"`
}

func (s *site) apiAudit(w http.ResponseWriter, r *http.Request) {
	status, err := s.status.get(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.json(w, r, http.StatusOK, audit{status.History})
}

// Decisions is one page of the chain, newest first.
type Decisions struct {
	Decisions []Decided `json:"decisions"`
	Next      string    `json:"next,omitempty"`
}

// Decided is one link of the chain of decisions.
type Decided struct {
	Seq         int64     `json:"seq"`
	At          time.Time `json:"at"`
	Who         string    `json:"who"`
	Answer      string    `json:"answer"` // GO, NO-GO, INCONCLUSIVE, or APPROVAL
	Fingerprint string    `json:"fingerprint"`
	Hash        string    `json:"hash"`
	Prev        string    `json:"prev"` // the hash before it; empty for the first
	// Decision is the whole decision; only where one is asked for.
	Decision *gate.Decision `json:"decision,omitempty"`
	Approval *gate.Approval `json:"approval,omitempty"`
}

func (s *site) apiDecisions(r *http.Request) (any, error) {
	if err := known(r, "limit", "cursor"); err != nil {
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
	found, err := s.api.Logged.ListDecisions(r.Context(), before, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := page(found, limit)
	list := Decisions{Decisions: []Decided{}}
	for _, link := range found {
		shown, err := s.newDecided(link, false)
		if err != nil {
			return nil, err
		}
		list.Decisions = append(list.Decisions, shown)
	}
	if more {
		list.Next = fmt.Sprint(found[len(found)-1].Seq)
	}
	return list, nil
}

func (s *site) apiDecided(r *http.Request) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	seq, err := strconv.ParseInt(r.PathValue("seq"), 10, 64)
	if err != nil || seq < 1 {
		return nil, refusef(http.StatusNotFound, "there is no decision %q", r.PathValue("seq"))
	}
	found, err := s.api.Logged.ListDecisions(r.Context(), seq+1, 1)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].Seq != seq {
		return nil, refusef(http.StatusNotFound, "there is no decision %d", seq)
	}
	return s.newDecided(found[0], true)
}

func (s *site) newDecided(l board.Link, whole bool) (Decided, error) {
	d := Decided{Seq: l.Seq, At: l.At, Who: l.Who, Answer: l.Answer, Fingerprint: l.Fingerprint, Hash: l.Hash, Prev: l.Prev}
	switch {
	case l.Answer == approvalAnswer:
		d.Approval = &gate.Approval{}
		if err := json.Unmarshal(l.Evidence, d.Approval); err != nil {
			return d, fmt.Errorf("decoding approval %d: %w", l.Seq, err)
		}
		d.Approval.Hash = l.Hash
	case whole:
		d.Decision = &gate.Decision{}
		if err := json.Unmarshal(l.Decision, d.Decision); err != nil {
			return d, fmt.Errorf("decoding decision %d: %w", l.Seq, err)
		}
		for i := range d.Decision.Criteria {
			if s.hide {
				d.Decision.Criteria[i].Reason = gate.Hidden
			}
		}
	}
	return d, nil
}

// approvalAnswer is the answer of a link that approves a decision.
const approvalAnswer = "APPROVAL"

// Changes is one page of what people asked for, newest first.
type Changes struct {
	Changes []Change `json:"changes"`
	Next    string   `json:"next,omitempty"`
}

// Change is what somebody asked for by the API or the page.
type Change struct {
	ID      int64           `json:"id"`
	At      time.Time       `json:"at"`
	Who     string          `json:"who"`
	Role    string          `json:"role"`
	Action  string          `json:"action"`
	Request json.RawMessage `json:"request"`
	Outcome string          `json:"outcome"` // done, or what was wrong; empty while it is not known
}

func (s *site) apiChanges(r *http.Request) (any, error) {
	if err := known(r, "limit", "cursor"); err != nil {
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
	found, err := s.api.Logged.ListChanges(r.Context(), before, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := page(found, limit)
	list := Changes{Changes: []Change{}}
	for _, c := range found {
		c.Request = raw(c.Request)
		list.Changes = append(list.Changes, Change(c))
	}
	if more {
		list.Next = fmt.Sprint(found[len(found)-1].ID)
	}
	return list, nil
}

// CutoverRuns is where the cutover stands, the newest run first.
type CutoverRuns struct {
	Name string              `json:"name"`
	Runs []cutoverrun.Status `json:"runs"`
}

func (s *site) apiCutover(r *http.Request) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	journals, err := s.journals(r.Context())
	if err != nil {
		return nil, err
	}
	out := CutoverRuns{Name: s.api.Cutover, Runs: []cutoverrun.Status{}}
	for _, records := range slices.Backward(journals) {
		is, err := s.runStatus(r.Context(), records)
		if err != nil {
			return nil, err
		}
		out.Runs = append(out.Runs, is)
	}
	return out, nil
}

// CutoverRun is one run with its journal.
type CutoverRun struct {
	Run     cutoverrun.Status `json:"run"`
	Journal []cutover.Record  `json:"journal"`
}

func (s *site) apiRun(r *http.Request) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	journals, err := s.journals(r.Context())
	if err != nil {
		return nil, err
	}
	for _, records := range journals {
		if records[0].Run == r.PathValue("run") {
			is, err := s.runStatus(r.Context(), records)
			return CutoverRun{is, records}, err
		}
	}
	return nil, refusef(http.StatusNotFound, "there is no run %q", r.PathValue("run"))
}

// runStatus is where a run stands, with what is known at its hold point while it is there.
func (s *site) runStatus(ctx context.Context, records []cutover.Record) (cutoverrun.Status, error) {
	is, err := cutoverrun.Look(records)
	if err == nil && is.State.Step == cutover.Hold && !is.State.Ended() && s.api.Held != nil {
		is.Held, err = s.api.Held(ctx, is.Run)
	}
	return is, err
}

func (s *site) journals(ctx context.Context) ([][]cutover.Record, error) {
	if s.api.Runs == nil {
		return nil, refusef(http.StatusNotFound, "no cutover is configured")
	}
	journals, err := s.api.Runs(ctx)
	if s.hide {
		for _, records := range journals {
			for i := range records {
				if records[i].Detail != "" {
					records[i].Detail = gate.Hidden
				}
			}
		}
	}
	return journals, err
}
