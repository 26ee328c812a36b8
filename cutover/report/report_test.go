package report_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/clients"
	"github.com/nordvarg/crosscheck/cutover/report"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// journal is that of a run whose actions take a second each, and end as told: done where nothing is said.
func journal(run string, ends map[string]cutover.Outcome) (records []cutover.Record) {
	at := noon
	for s := cutover.Start(""); !s.Ended(); {
		a, o := s.Action(), cutover.Done
		if told, ok := ends[a.String()]; ok {
			o = told
		}
		intent := cutover.Record{Run: run, Epoch: 1, Seq: s.Seq, Action: a, At: at}
		outcome := intent
		outcome.Outcome, outcome.At, outcome.Detail = o, at.Add(time.Second), a.String()+" it was"
		switch {
		case a.Step == cutover.Preflight:
			outcome.Positions = map[string]string{"who": "adam", "approved_by": "bea", "ticket": "OPS-1", "budget": "1m0s", "rollback_reserve": "20s", "cutover": "d1"}
		case a.Verb == cutover.Do && a.Step == cutover.Barrier:
			outcome.Positions = map[string]string{"event_position": "4711"}
		}
		if o == cutover.Abort || o == cutover.NoTime {
			outcome.At = at
			records = append(records, outcome)
		} else {
			records = append(records, intent, outcome)
		}
		at = at.Add(time.Second)
		s, _ = cutover.Next(s, cutover.Observation{Seq: s.Seq, Outcome: o})
	}
	return records
}

func TestAReportSaysWhatBecameOfARun(t *testing.T) {
	for _, c := range []struct {
		name    string
		run     string
		ends    map[string]cutover.Outcome
		change  func(*report.Source)
		outcome report.Outcome
		says    []string
	}{
		{"all goes well", "orders-1", nil, nil, report.Completed, []string{"kept out for 6s of the budget of 1m (forecast 6s)", "Executed by adam; approved by bea (OPS-1)", "17 %"}},
		{
			"somebody wrote behind the fence", "orders-1",
			map[string]cutover.Outcome{"do switch-writes": cutover.Accepted, "do tail-check": cutover.Failed},
			nil,
			report.Findings,
			[]string{"! The tail check found: do tail-check it was"},
		},
		{
			"who asked for the way back then has died", "orders-1",
			map[string]cutover.Outcome{"do switch-writes": cutover.Accepted, "do tail-check": cutover.Failed},
			func(s *report.Source) {
				last := s.Records[len(s.Records)-1]
				s.Records = append(s.Records, cutover.Record{Run: last.Run, Epoch: 2, Seq: last.Seq + 1, Outcome: cutover.Takeover, At: last.At})
			},
			report.Findings,
			[]string{"! The tail check found: do tail-check it was"},
		},
		{"it is refused", "orders-1", map[string]cutover.Outcome{"do preflight": cutover.Failed}, nil, report.Refused, []string{"Nobody was kept out", "Do preflight failed: do preflight it was."}},
		{
			"a person asks for the way back", "orders-1",
			map[string]cutover.Outcome{"do switch-reads": cutover.Abort},
			func(s *report.Source) { s.Requests = []report.Request{{Asks: "abort", Who: "cleo", At: noon}} },
			report.RolledBack,
			[]string{"Cleo asked for the way back before do switch-reads.", "kept out for 8s"},
		},
		{"the time does not suffice", "orders-1", map[string]cutover.Outcome{"do barrier": cutover.NoTime}, nil, report.RolledBack, []string{"Do barrier did not fit into the budget any more."}},
		{"a rehearsal", "orders-rehearsal-1", map[string]cutover.Outcome{"do permanent-fence": cutover.Abort}, nil, report.Rehearsed, []string{"up to final-verification"}},
		{
			"a rehearsal that stopped before its end", "orders-rehearsal-1",
			map[string]cutover.Outcome{"do permanent-fence": cutover.Failed},
			func(s *report.Source) { s.Records[1].Positions["until"] = "switch-reads" }, report.RolledBack,
			[]string{"was to do all up to switch-reads", "Do permanent-fence failed"},
		},
		{
			"an override is loud", "orders-1", nil, func(s *report.Source) { s.Records[1].Positions["override"] = "the roof is on fire" },
			report.Completed,
			[]string{"! OVERRIDDEN by adam, without a decision GO and an approval: the roof is on fire"},
		},
		{
			"all processes are gone behind the seal", "orders-1", nil, func(s *report.Source) { s.Records = s.Records[:13] },
			report.Stranded,
			[]string{"NO SIDE MAY TAKE WRITES", "next is do switch-reads"},
		},
		{"it is under way", "orders-1", nil, func(s *report.Source) { s.Records, s.Driven = s.Records[:5], true }, report.Running, []string{"next is do fence"}},
		{"nobody drives it", "orders-1", nil, func(s *report.Source) { s.Records = s.Records[:3] }, report.Abandoned, []string{"crosscheck cutover resume"}},
		{"the configuration has changed", "orders-1", nil, func(s *report.Source) { s.System.Digest = "d2" }, report.Completed, []string{"! The section cutover of the configuration has changed since"}},
		{
			"clients get no answer any more", "orders-1", nil,
			func(s *report.Source) {
				s.Clients = []clients.Seen{{At: noon, Complete: true, Every: 0.2, Writes: &clients.Service{Asked: 9, Failed: 8, Outage: 20, OutageBegan: noon}}}
			},
			report.Completed,
			[]string{"! Writes by the clients' way were not answered again", "no answer for at most 20s, from 12:00:00.000 to the end; 9 asked, 8 failed"},
		},
		{
			"the process that asked was killed", "orders-1", nil,
			func(s *report.Source) {
				s.Clients = []clients.Seen{{At: noon, Until: noon.Add(2 * time.Second)}, {At: noon.Add(9 * time.Second), Until: noon.Add(10 * time.Second)}}
			},
			report.Completed,
			[]string{"! Nobody asked by the clients' way from 12:00:02.000 to 12:00:09.000, for 7s", "! What clients saw is known until 12:00:10.000 only"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := report.Source{
				Records: journal(c.run, c.ends), Earlier: [][]cutover.Record{journal("earlier", nil)}, Budget: time.Hour, Now: noon.Add(time.Minute),
				System: report.System{Digest: "d1"},
			}
			if c.change != nil {
				c.change(&from)
			}
			r, err := report.New(from)
			if err != nil {
				t.Fatal(err)
			}
			if r.Outcome != c.outcome {
				t.Errorf("the outcome is %s, want %s", r.Outcome, c.outcome)
			}
			for _, want := range c.says {
				if text := r.Text(); !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
		})
	}
}

// TestSharesAddUpToTheWindow, and what is not of the window has none.
func TestSharesAddUpToTheWindow(t *testing.T) {
	ends := map[string]cutover.Outcome{"do switch-reads": cutover.Failed}
	r, err := report.New(report.Source{Records: journal("orders-1", ends), Now: noon.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, s := range r.Steps {
		sum += s.Share
	}
	if sum < 0.999 || sum > 1.001 || r.Window.Seconds != 8 || r.WayBack.Seconds != 3 || r.Steps[0].Share != 0 || r.Window.Forecast != nil {
		t.Errorf("the shares are %v in all, of %+v and %+v", sum, r.Window, r.WayBack)
	}
}

// TestEveryPathHasAReport, wherever its journal ends.
func TestEveryPathHasAReport(t *testing.T) {
	outcomes := []cutover.Outcome{cutover.Failed, cutover.Accepted, cutover.NoTime, cutover.Abort}
	for _, step := range cutover.Steps() {
		for _, o := range outcomes {
			action := cutover.Action{Verb: cutover.Do, Step: step}.String()
			records := journal("orders-1", map[string]cutover.Outcome{action: o})
			for n := range records {
				r, err := report.New(report.Source{Records: records[:n+1], Now: noon.Add(time.Hour)})
				if err != nil {
					t.Fatal(err)
				}
				if r.Summary == "" || r.Text() == "" || len(r.Steps) == 0 {
					t.Errorf("%s %s, %d records: %+v", action, o, n+1, r)
				}
			}
		}
	}
}

// TestATakeoverIsTold, and what was begun before it is one line.
func TestATakeoverIsTold(t *testing.T) {
	records := journal("orders-1", nil)[:5] // the intent of the fence
	taken := records[4]
	taken.Epoch, taken.Outcome, taken.At = 2, cutover.Takeover, taken.At.Add(30*time.Second)
	r, err := report.New(report.Source{Records: append(slices.Clone(records), taken), Now: noon.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	last := r.Steps[len(r.Steps)-1]
	if len(r.Steps) != 3 || last.Outcome != cutover.Takeover || last.Epoch != 2 || last.Seconds != 30 || !strings.Contains(fmt.Sprint(r.Warnings), "another one took over") {
		t.Errorf("%+v, %v", r.Steps, r.Warnings)
	}
}

func TestFurtherPositionsAreThoseOfNoOtherPlace(t *testing.T) {
	r := report.Report{Positions: map[string]string{"who": "adam", "event_position": "4711", "budget": "1m"}}
	if got := r.Further(); !slices.Equal(got, []string{"event_position"}) {
		t.Errorf("%v of %v", got, slices.Collect(maps.Keys(r.Positions)))
	}
}
