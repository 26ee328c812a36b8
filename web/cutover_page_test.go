package web

import (
	"context"
	"errors"
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/cutover/report"
)

func TestReportOfARunIsAPage(t *testing.T) {
	gone := errors.New("gone")
	asked := struct {
		run  string
		hide bool
	}{}
	server := &Server{Source: &fake{status: noGo()}, HideValues: true}
	server.API.Report = func(_ context.Context, run string, hide bool) (report.Report, error) {
		asked.run, asked.hide = run, hide
		switch run {
		case "none":
			return report.Report{}, refusef(http.StatusNotFound, "there is no such run: %q", run)
		case "gone":
			return report.Report{}, gone
		}
		return aCutover().Report, nil
	}
	h := server.Handler()
	w := get(t, h, "/cutover/report?run=orders%2F1")
	body := w.Body.String()
	_, style, _ := strings.Cut(body, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	policy := w.Header().Get("Content-Security-Policy")
	if w.Code != http.StatusOK || asked.run != "orders/1" || !asked.hide || !strings.Contains(html.UnescapeString(body), "orders-2026-4") {
		t.Errorf("%d, asked for %+v: %s", w.Code, asked, body)
	}
	if !strings.Contains(policy, "style-src '"+hashOf(style)+"';") || strings.Contains(policy, "unsafe") {
		t.Errorf("a browser would not show the style under %q", policy)
	}
	if !strings.Contains(body, `href="/"`) || !strings.Contains(body, "0.2.0") {
		t.Error("the page leads nowhere, or does not name its version")
	}
	for path, want := range map[string]struct {
		code int
		said string
	}{"/cutover/report?run=none": {http.StatusNotFound, `no such run: "none"`}, "/cutover/report?run=gone": {http.StatusServiceUnavailable, unreadable}} {
		if w := get(t, h, path); w.Code != want.code || !strings.Contains(w.Body.String(), want.said) || strings.Contains(w.Header().Get("Content-Security-Policy"), "sha256") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := get(t, handler(&fake{status: goes()}), "/cutover/report"); w.Code != http.StatusNotFound {
		t.Errorf("without a cutover: %d", w.Code)
	}
}
