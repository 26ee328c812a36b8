package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/nordvarg/crosscheck/cutover/report"
)

// reportPolicy allows the page of a report its own style, which is within it, and nothing else.
var reportPolicy = strings.Replace(contentSecurityPolicy, "style-src 'self'", "style-src '"+hashOf(cutoverReportStyle)+"'", 1)

// hashOf is how a policy names a text within a page.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// cutoverReport shows what became of the run that the request names, or of the one that matters most.
func (s *site) cutoverReport(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	made, err := s.reportOf(ctx, r.URL.Query().Get("run"))
	var page bytes.Buffer // the answer is the whole page or an error
	if err == nil {
		status, _ := s.status.get(ctx) // without it, the page does not say which version this is
		err = WriteCutover(&page, CutoverReport{Report: made, Version: status.Version, Revision: status.Revision, Home: s.base + "/"})
	}
	if err != nil {
		code, said := http.StatusServiceUnavailable, unreadable
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			code, said = refused.Code, refused.Error()
		} else {
			s.log.WarnContext(r.Context(), "reading the report of a cutover", slog.Any("error", err))
		}
		http.Error(w, said, code)
		return
	}
	w.Header().Set("Content-Security-Policy", reportPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page.Bytes()) // the visitor has left: nothing to do
}

func (s *site) reportOf(ctx context.Context, run string) (report.Report, error) {
	if s.api.Report == nil {
		return report.Report{}, refusef(http.StatusNotFound, "no cutover is configured")
	}
	release, err := s.reading.enter(ctx)
	if err != nil {
		return report.Report{}, refusef(http.StatusServiceUnavailable, "there was no turn in time; try again")
	}
	defer release()
	return s.api.Report(ctx, run, s.hide)
}
