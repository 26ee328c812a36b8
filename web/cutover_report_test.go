package web

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/clients"
	"github.com/nordvarg/crosscheck/cutover/report"
)

// aCutover is one that an override let through, and that a failed switch sent back. Texts from outside would be markup if they were not escaped.
func aCutover() CutoverReport {
	step := func(at, took time.Duration, action string, o cutover.Outcome, share float64, detail string) report.Step {
		_, of, _ := strings.Cut(action, " ")
		return report.Step{
			Span: report.Span{Began: now.Add(at), Ended: new(now.Add(at + took)), Seconds: took.Seconds()}, Action: action, Step: cutover.Step(of), Outcome: o, Epoch: 7, Share: share, Detail: detail,
		}
	}
	const ms = time.Millisecond
	r := report.Report{
		Run: "orders-2026-4", Kind: "cutover", At: now.Add(time.Hour), Outcome: report.RolledBack, Began: now.Add(-time.Minute), Ended: new(now.Add(2400 * ms)),
		Summary:  "Reads and writes are at legacy again. Do switch-writes failed: <script>alert(1)</script>.",
		Warnings: []string{"OVERRIDDEN by adam@desk, without a decision GO and an approval: <b>the roof</b> is on fire"},
		System: report.System{
			Name: "orders-migration", Environment: "staging", Legacy: report.Place{Table: "public.orders", Database: "trading"},
			Projection: report.Place{Table: "public.current_orders", Database: "events"}, Events: &report.Place{Table: "public.event_store", Database: "events"},
			Fenced: []string{"public.orders"},
		},
		Window:  &report.Window{Span: report.Span{Began: now, Seconds: 2.4}, Budget: 300, Reserve: 120, Forecast: new(1.9)},
		WayBack: &report.Span{Began: now.Add(2000 * ms), Ended: new(now.Add(2400 * ms)), Seconds: 0.4},
		People: report.People{
			ExecutedBy: "adam@desk", LoggedIn: "root@desk", Override: "<b>the roof</b> is on fire", Decision: "NO-GO",
			Requests: []report.Request{{Asks: "abort", Who: "bea@desk", At: now.Add(2 * time.Second)}},
		},
		Steps: []report.Step{
			step(-time.Minute, 200*ms, "do preflight", cutover.Done, 0, ""), step(0, 60*ms, "do fence", cutover.Done, 0.025, "no writer is inside; probe writes were kept out of public.orders"),
			step(60*ms, 1940*ms, "do switch-writes", cutover.Failed, 0.8083, "<script>alert(1)</script>"), step(2000*ms, 400*ms, "undo fence", cutover.Done, 0.1667, "legacy accepts writes"),
		},
		Evidence: []report.Evidence{
			{Step: cutover.Fence, Asked: "Is legacy closed, with no writer inside?", Found: "no writer is inside", Holds: true},
			{Step: cutover.TailCheck, Asked: "Did nobody write legacy after it was closed?", Found: "3 rows of legacy were written", Holds: false},
		},
		Positions: map[string]string{"who": "adam@desk", "event_position": "4711", "legacy_server": "7301/trading"},
	}
	r.Steps[1].Forecast, r.Steps[3].Epoch = new(0.05), 8
	answers := []clients.Answer{{Began: now, Ended: now.Add(4 * ms), Side: clients.Legacy}, {Began: now.Add(200 * ms), Ended: now.Add(205 * ms), Error: "closed <by> the fence"}, {Began: now.Add(2400 * ms), Ended: now.Add(2405 * ms), Side: clients.Legacy}}
	r.Clients = []clients.Seen{{At: now, Until: now.Add(2405 * ms), Complete: true, NotAsked: []clients.Gap{{From: now.Add(1000 * ms), To: now.Add(1500 * ms)}}, Every: 0.2, Writes: clients.Sum(answers, now, now.Add(2405*ms)), Reads: clients.Sum([]clients.Answer{answers[0], answers[2]}, now, now.Add(2405*ms))}}
	return CutoverReport{Report: r, Version: "0.2.0", Revision: "3b216b1"}
}

func TestReportOfACutover(t *testing.T) {
	bare := CutoverReport{Version: "0.2.0", Report: report.Report{Run: "orders-2026-1", Kind: "cutover", Outcome: report.Refused, Summary: "Nobody was kept out.", Began: now, At: now}}
	for name, r := range map[string]CutoverReport{"cutover": aCutover(), "cutover-bare": bare} {
		var page bytes.Buffer
		if err := WriteCutover(&page, r); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "report-"+name+".html")
		if *update {
			if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), page.String()); d != "" {
			t.Error(d)
		}
		for _, never := range []string{"<script", "<b>", "http://", "https://", " style="} {
			if strings.Contains(page.String(), never) {
				t.Errorf("%s has %s", name, never)
			}
		}
	}
}
