package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

func TestAPassIsShownWhileItRuns(t *testing.T) {
	begun := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	full := verify.Pass{Kind: verify.Full, State: verify.Scanning, StartedAt: begun}
	for _, c := range []struct {
		given string
		notes []verify.Progress // one second after the other
		pass  verify.Pass
		want  []web.Progress
	}{
		{"nothing was said yet", nil, full, []web.Progress{{Pass: "full", Stage: "scanning"}}},
		{"a stage goes on", []verify.Progress{{Stage: "digest", Done: 1, Total: 9}, {Stage: "digest", Done: 5, Total: 9, Note: "half"}}, full, []web.Progress{{Pass: "full", Stage: "digest", Done: 5, Total: 9, Note: "half", Since: at(1)}}},
		{"the next stage", []verify.Progress{{Stage: "digest", Done: 9, Total: 9}, {Stage: "rows", Done: 1}}, full, []web.Progress{{Pass: "full", Stage: "rows", Done: 1, Since: at(2)}}},
		{"it began again", []verify.Progress{{Stage: "digest", Done: 5}, {Stage: "digest", Done: 0}}, full, []web.Progress{{Pass: "full", Stage: "digest", Since: at(2)}}},
		{"said of a pass before", []verify.Progress{{Stage: "digest", Done: 5}}, verify.Pass{Kind: verify.Full, State: verify.Settling, StartedAt: at(60)}, []web.Progress{{Pass: "full", Stage: "settling"}}},
		{"said of another kind", []verify.Progress{{Stage: "digest", Done: 5}}, verify.Pass{Kind: verify.Sample, State: verify.Scanning, StartedAt: begun}, []web.Progress{{Pass: "sample", Stage: "scanning"}}},
		{"of a command, beside one of this process", []verify.Progress{{Stage: "digest", Done: 5}}, verify.Pass{Kind: verify.Full, State: verify.Scanning, Trigger: "manual", StartedAt: begun}, []web.Progress{{Pass: "full", Stage: "scanning"}}},
		{"it has ended", []verify.Progress{{Stage: "digest", Done: 5}}, verify.Pass{Kind: verify.Full, State: verify.Done, StartedAt: begun}, nil},
		{"the stream never ends", nil, verify.Pass{Kind: verify.StreamPass, State: verify.Scanning}, nil},
		{
			"several share it",
			[]verify.Progress{{Stage: "digest", Done: 5}},
			verify.Pass{Kind: verify.Full, State: verify.Scanning, StartedAt: begun, Sharing: &verify.Sharing{Compared: 7, Ranges: 40, Sidecars: 2}},
			[]web.Progress{{Pass: "full", Stage: "digest", Done: 7, Total: 40, Since: begun, Note: (&verify.Sharing{Compared: 7, Ranges: 40, Sidecars: 2}).String()}},
		},
	} {
		t.Run(c.given, func(t *testing.T) {
			var r running
			for i, note := range c.notes {
				r.note(verify.Full, note, at(i+1))
			}
			if diff := cmp.Diff(c.want, r.of([]verify.Pass{c.pass})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheLagIsKeptNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lags
		var failing error
		var lag *board.Lag
		measure := l.kept(func(context.Context) (*board.Lag, error) { return lag, failing })
		ask := func() {
			if got, err := measure(t.Context()); got != lag || !errors.Is(err, failing) {
				t.Errorf("%v, %v instead of what was measured", got, err)
			}
		}
		ask() // it cannot be measured
		if lag, failing = (&board.Lag{Behind: time.Second}), errors.New("gone"); len(l.all()) != 0 {
			t.Error("a lag that is not known was kept")
		}
		ask()
		if failing = nil; len(l.all()) != 0 {
			t.Error("a lag that was not measured was kept")
		}
		for range 2 * lagPoints {
			ask()
			<-time.After(lagEvery / 2)
		}
		points := l.all()
		if len(points) != lagPoints || points[0].Behind != time.Second || points[1].At.Sub(points[0].At) != lagEvery {
			t.Errorf("%d points, the first two %v apart", len(points), points[1].At.Sub(points[0].At))
		}
		for range 10 { // more than are kept
			ask()
			<-time.After(lagEvery)
		}
		if more := l.all(); len(more) != lagPoints || !more[0].At.After(points[0].At) {
			t.Errorf("%d points from %s", len(more), more[0].At)
		}
	})
}
