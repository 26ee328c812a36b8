package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/verify"
)

// TestPartsSaySinceWhen: a part keeps the time of its change, on /readyz, on the page and in the API.
func TestPartsSaySinceWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var failing error
		source := &fake{status: noGo()}
		server := Server{Source: source, Ready: func(context.Context) []Part {
			if failing != nil {
				return []Part{{Name: "stream", Reason: failing.Error()}}
			}
			return []Part{{Name: "stream", OK: true}}
		}}
		handler := server.Handler()
		is := func(ok bool, since time.Time, reason string) {
			t.Helper()
			time.Sleep(2 * cacheFor) //nolint:forbidigo // of the bubble's clock
			want := Part{Name: "stream", OK: ok, Since: since.UTC().Truncate(time.Second), Reason: reason}
			for _, parts := range [][]Part{read[Readiness](t, get(t, handler, "/readyz")).Parts, read[Status](t, get(t, handler, "/api/status")).Parts} {
				if len(parts) != 1 || !parts[0].Since.Equal(want.Since) || parts[0].OK != ok || parts[0].Reason != reason {
					t.Errorf("parts %+v, want %+v", parts, want)
				}
			}
			if page := get(t, handler, "/").Body.String(); !strings.Contains(page, want.Since.Format(time.DateTime)) || !strings.Contains(page, reason) {
				t.Errorf("the page does not show %+v", want)
			}
		}
		first := begun.Add(2 * cacheFor)
		is(true, first, "")
		is(true, first, "")
		failing = errors.New("the broker refused the login")
		changed := time.Now().Add(2 * cacheFor)
		is(false, changed, "the broker refused the login")
		failing = errors.New("no broker answers")
		is(false, changed, "no broker answers")
		source.err = errors.New("gone")
		time.Sleep(2 * cacheFor) //nolint:forbidigo // of the bubble's clock
		if page := get(t, handler, "/").Body.String(); !strings.Contains(page, "no broker answers") {
			t.Error("without a ledger the page does not say how the parts are")
		}
	})
}

// TestAnErrorThatComesAgainIsOnThePage with the number of its passes and its text.
func TestAnErrorThatComesAgainIsOnThePage(t *testing.T) {
	b := leaky()
	kind := board.Kind{Schedule: hourly{}}
	kind.Kind, kind.Failures, kind.FailingSince = verify.Full, 3, now.Add(-time.Hour)
	kind.Finished.Result.Reason = "reading legacy: permission denied"
	b.Kinds = []board.Kind{kind}
	got := overdueOf(NewStatus(b))
	const want = "Pass full could not judge everything 3 times in a row, since 2026-11-23 07:00:00 UTC: reading legacy: permission denied"
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	got = overdueOf(NewStatus(b.WithoutValues()))
	if strings.Contains(got[0], "permission") || !strings.Contains(got[0], "3 times") {
		t.Errorf("without values: %q", got)
	}
}

type hourly struct{}

func (hourly) String() string                 { return "0 * * * *" }
func (hourly) Next(after time.Time) time.Time { return after.Add(time.Hour) }
