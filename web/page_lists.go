package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/nordvarg/crosscheck/human"
)

// divergencesView is what the page of divergences shows.
type divergencesView struct {
	Open, Rest string // Rest are those that are not listed
	Listed     []divergenceView
}

func (s *site) divergences(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "divergences", frame{Page: "Divergences", Title: "Divergences", Live: true}, func(_ context.Context, f *frame) error {
		v := divergencesView{Open: human.Quantity(f.Open, "open divergence", "open divergences")}
		if f.Accepted > 0 {
			v.Open += ", " + human.Number(f.Accepted) + " accepted"
		}
		for _, d := range f.Divergences {
			v.Listed = append(v.Listed, divergenceOf(d))
		}
		if rest := f.Open - int64(len(f.Divergences)); rest > 0 {
			v.Rest = fmt.Sprintf("The oldest %s are listed; %s more are in the ledger.", human.Number(int64(len(f.Divergences))), human.Number(rest))
		}
		f.View = v
		return nil
	})
}

func (s *site) passes(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "passes", frame{Page: "Passes", Title: "Passes", Live: true}, func(_ context.Context, f *frame) error {
		var shown []passView
		for _, p := range f.Passes {
			shown = append(shown, passOf(p, f.At))
		}
		f.View = shown
		return nil
	})
}

func (s *site) audits(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "audit", frame{Page: "Audit", Title: "Audit", Live: true}, func(_ context.Context, f *frame) error {
		f.View = historyOf(f.History, f.At, "ago")
		return nil
	})
}
