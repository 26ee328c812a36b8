package web

import (
	"context"
	"net/http"
)

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
