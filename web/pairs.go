package web

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

// # Several pairs of tables
//
// A server of several pairs has a page with the decision of each and the decision over all. The pages and the API of a pair are those of a server
// of one, with /pairs/NAME before their paths.

// Pair is one of several pairs of tables that a server shows.
type Pair struct {
	Name string
	// Server has what is shown of the pair. Where it listens, and who may look, is said by the server of all.
	Server *Server
}

// PairBase is what stands before the paths of a pair; nothing without a name.
func PairBase(name string) string {
	if name == "" {
		return ""
	}
	return "/pairs/" + name
}

// Pairs says how the pairs of tables stand.
type Pairs struct {
	Decision gate.Answer `json:"decision"` // over all
	Pairs    []PairState `json:"pairs"`    // in the order of the configuration; empty if it has no list
}

// PairState says how one pair stands.
type PairState struct {
	Name        string      `json:"name"`
	Path        string      `json:"path"` // of its pages; that of its API is api/v1 below it
	Decision    gate.Answer `json:"decision"`
	Fingerprint string      `json:"fingerprint"`
	Summary     string      `json:"summary"` // why, in a sentence
	Open        int64       `json:"open_divergences"`
	Accepted    int64       `json:"accepted_divergences"`
	// VerifiedThrough is the time up to which everything has been verified; null if nothing has.
	VerifiedThrough *time.Time `json:"verified_through"`
}

// pairSite is the site of one pair.
type pairSite struct {
	name string
	*site
}

// addPairs makes a site that of all pairs.
func (s *Server) addPairs(of *site, closing <-chan struct{}) {
	for _, p := range s.Pairs {
		one := p.Server.site(of.access, closing)
		one.base, one.tokens, one.origins = PairBase(p.Name), of.tokens, of.origins // a browser has one cookie for all
		of.pairs = append(of.pairs, pairSite{p.Name, one})
	}
	of.status = newShared(of.overAll)
	of.summary = sharedSummary(of.status)
}

// servePairs adds the page of all and the sites of the pairs.
func (s *site) servePairs(mux *http.ServeMux) {
	s.serve(mux)
	for _, r := range s.routes() {
		if s.ofAll(r.path) {
			mux.HandleFunc(r.method+" "+r.path, s.access.guard(r.serve))
		}
	}
	mux.HandleFunc("/api/", s.access.guard(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, refusef(http.StatusNotFound, "there are several pairs of tables: ask /pairs/NAME%s, with one of the names that /api/v1/pairs has", r.URL.Path))
	}))
	for _, p := range s.pairs {
		p.serve(mux)
		for _, r := range p.routes() {
			mux.HandleFunc(r.method+" "+p.base+r.path, s.access.guard(r.serve))
		}
		mux.HandleFunc("GET "+p.base+"/readyz", p.readyz)
	}
}

// ofAll is true of the paths of the API that are about all pairs.
func (s *site) ofAll(path string) bool {
	switch path {
	case "/api/v1/pairs", "/api/v1/decision", "/api/v1/criteria", "/api/v1/me", "/api/v1/openapi.yaml":
		return true
	}
	return false
}

// overAll is what is known of all pairs together: the decision. A pair whose ledger cannot be read is undecided.
func (s *site) overAll(ctx context.Context) (Status, error) {
	states := s.statuses(ctx)
	all := Status{At: s.now()}
	decisions := make([]gate.OfPair, len(states))
	for i, is := range states {
		decisions[i] = gate.OfPair{Name: s.pairs[i].name, Decision: is.Decision}
		if is.Version != "" {
			all.Version, all.Revision = is.Version, is.Revision
		}
	}
	all.Decision = gate.OverAll(decisions)
	if all.Decision.At.IsZero() {
		all.Decision.At = all.At
	}
	return all, ctx.Err()
}

// statuses are those of all pairs, read at the same time.
func (s *site) statuses(ctx context.Context) []Status {
	all := make([]Status, len(s.pairs))
	var wg sync.WaitGroup
	for i, p := range s.pairs {
		wg.Go(func() {
			is, err := p.status.get(ctx)
			if err != nil {
				s.log.WarnContext(ctx, "reading the status of a pair", slog.String("pair", p.name), slog.Any("error", err))
				is.Decision = gate.Decision{Decision: gate.Undecided, At: s.now(), Criteria: []gate.Result{{Name: "ledger", Verdict: gate.Errored, Reason: unreadable}}}
			}
			all[i] = is
		})
	}
	wg.Wait()
	return all
}

func (s *site) pairStates(ctx context.Context) []PairState {
	states := []PairState{}
	for i, is := range s.statuses(ctx) {
		p := s.pairs[i]
		state := PairState{
			Name: p.name, Path: p.base + "/", Decision: is.Decision.Decision, Fingerprint: is.Decision.Fingerprint, Summary: summary(is.Decision),
			Open: is.Open, Accepted: is.Accepted,
		}
		if is.Decision.Fingerprint == "" && len(is.Decision.Criteria) == 1 { // it could not be decided at all
			state.Summary = is.Decision.Criteria[0].Reason
		}
		if w := is.VerifiedThrough; w != nil {
			state.VerifiedThrough = &w.At
		}
		states = append(states, state)
	}
	return states
}

func (s *site) apiPairs(w http.ResponseWriter, r *http.Request) {
	if err := known(r); err != nil {
		s.fail(w, r, err)
		return
	}
	status, err := s.status.get(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.json(w, r, http.StatusOK, Pairs{status.Decision.Decision, s.pairStates(r.Context())})
}

// pairsView is what the page of all pairs shows.
type pairsView struct {
	Summary string
	Pairs   []pairView
	Known   []partView
}

type pairView struct {
	PairState
	Tone, Open, Accepted, Through string
}

// allPairs is the first page of several pairs: the decision over all, and where each stands.
func (s *site) allPairs(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "pairs", frame{Page: "Pairs", Live: true}, func(ctx context.Context, f *frame) error {
		var v pairsView
		if f.Failure == "" {
			v.Summary = overAllSummary(f.Decision)
			for _, p := range s.pairStates(ctx) {
				shown := pairView{PairState: p, Tone: tone(string(p.Decision)), Open: human.Number(p.Open), Accepted: human.Number(p.Accepted), Through: "nothing yet"}
				if at := p.VerifiedThrough; at != nil {
					shown.Through = human.Instant(*at)
				}
				v.Pairs = append(v.Pairs, shown)
			}
		}
		for _, p := range s.parts(r) {
			v.Known = append(v.Known, partOf(p))
		}
		f.View = v
		return nil
	})
}

// overAllSummary counts the pairs by their decisions.
func overAllSummary(d gate.Decision) string {
	counts := map[gate.Answer]int{}
	for _, p := range d.Pairs {
		counts[p.Decision]++
	}
	all := len(d.Pairs)
	switch {
	case counts[gate.Go] == all:
		return fmt.Sprintf("All %d pairs of tables are GO.", all)
	case counts[gate.NoGo] > 0:
		return fmt.Sprintf("%d of %d pairs of tables %s NO-GO.", counts[gate.NoGo], all, verb(counts[gate.NoGo], "is", "are"))
	}
	left := all - counts[gate.Go]
	return fmt.Sprintf("No pair of tables is NO-GO, but %d of %d %s evidence.", left, all, verb(left, "lacks", "lack"))
}

// ownLink is a link from a page to another one, and begins with its place.
var ownLink = regexp.MustCompile(` (?:href|action|data-events)="/[a-z]*`)

// based leads the links of a page to the pages of the same pair. Those that all pairs share stay.
func (s *site) based(page []byte) []byte {
	if s.base == "" {
		return page
	}
	return ownLink.ReplaceAllFunc(page, func(link []byte) []byte {
		at := bytes.IndexByte(link, '/')
		switch string(link[at+1:]) {
		case "docs", "static", "metrics", "pairs":
			return link
		}
		return append(append(bytes.Clone(link[:at]), s.base...), link[at:]...)
	})
}
