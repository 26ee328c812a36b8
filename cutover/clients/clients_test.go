package clients_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/cutover/clients"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func after(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func answered(seconds float64, side clients.Side) clients.Answer {
	return clients.Answer{Began: after(seconds - 0.01), Ended: after(seconds), Side: side}
}

func failed(seconds float64, why string) clients.Answer {
	return clients.Answer{Began: after(seconds - 0.01), Ended: after(seconds), Error: why}
}

func TestSumIsWhatClientsSaw(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []clients.Answer
		want    clients.Service
	}{
		{"nobody answers at all", nil, clients.Service{Outage: 10, OutageBegan: noon, Turns: []clients.Turn{}}},
		{
			"writes move with an outage",
			[]clients.Answer{
				answered(7, clients.New), failed(2, "closed"), answered(1, clients.Legacy), failed(3, "closed by the fence"), answered(8, clients.New), answered(9.9, clients.New),
			},
			clients.Service{
				Asked: 6, Failed: 2, Outage: 6, OutageBegan: after(1), Again: new(after(7)), FirstError: "closed",
				Turns: []clients.Turn{{Side: clients.Legacy, Since: after(1)}, {Side: clients.New, Since: after(7)}},
			},
		},
		{
			"there is no answer to the end",
			[]clients.Answer{answered(1, clients.Legacy), answered(2, clients.Legacy), failed(9, "gone")},
			clients.Service{Asked: 3, Failed: 1, Outage: 8, OutageBegan: after(2), FirstError: "gone", Turns: []clients.Turn{{Side: clients.Legacy, Since: after(1)}}},
		},
		{
			"two sides take writes in turns",
			[]clients.Answer{answered(3, clients.Legacy), answered(6, clients.New), answered(9, clients.Legacy)},
			clients.Service{
				Asked: 3, Outage: 3, OutageBegan: noon, Again: new(after(3)),
				Turns: []clients.Turn{{Side: clients.Legacy, Since: after(3)}, {Side: clients.New, Since: after(6)}, {Side: clients.Legacy, Since: after(9)}},
			},
		},
		{
			"a client is held, and others are answered meanwhile",
			[]clients.Answer{answered(1, clients.Legacy), answered(3, clients.New), {Began: after(1.5), Ended: after(8), Error: "it has waited in vain"}, answered(8.5, clients.New), answered(9.9, clients.New)},
			clients.Service{
				Asked: 5, Failed: 1, Outage: 7, OutageBegan: after(1.5), Again: new(after(8.5)), FirstError: "it has waited in vain",
				Turns: []clients.Turn{{Side: clients.Legacy, Since: after(1)}, {Side: clients.New, Since: after(3)}},
			},
		},
		{
			"a client is held, and then answered",
			[]clients.Answer{answered(1, clients.Legacy), answered(3, clients.New), {Began: after(1), Ended: after(9), Side: clients.New}, answered(9.9, clients.New)},
			clients.Service{
				Asked: 4, Outage: 8, OutageBegan: after(1), Again: new(after(9)),
				Turns: []clients.Turn{{Side: clients.Legacy, Since: after(1)}, {Side: clients.New, Since: after(3)}},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := clients.Sum(c.answers, noon, after(10))
			if d := cmp.Diff(&c.want, got, cmpopts.IgnoreFields(clients.Service{}, "Points", "First", "Last")); d != "" {
				t.Error(d)
			}
			if len(got.Points) != len(c.answers) {
				t.Errorf("%d points", len(got.Points))
			}
		})
	}
}

// TestAProberAsksAtASteadyRate while some answers take long, and once more after the release. Others tell it what they were answered.
func TestAProberAsksAtASteadyRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		writes := func(ctx context.Context) (bool, error) {
			switch at := time.Since(began); {
			case at < time.Second:
				return false, nil
			case at < 3*time.Second: // they wait, as at a fence of that mode
				select {
				case <-ctx.Done():
					return false, ctx.Err()
				case <-time.After(3*time.Second - at):
					return false, errors.New("closed")
				}
			}
			return true, nil
		}
		reads := func(context.Context) (bool, error) { return time.Since(began) > 2*time.Second, nil }
		released, told := make(chan struct{}), make(chan clients.Answer, 1)
		time.AfterFunc(4*time.Second, func() { close(released) })
		var kept []clients.Seen
		seen := clients.Prober{
			Writes: writes, Reads: reads, Every: 250 * time.Millisecond, Now: time.Now, Told: told, Keep: func(s clients.Seen) { kept = append(kept, s) },
		}.Run(t.Context(), released)
		if w := seen.Writes; w.Failed != 8 || w.Outage < 2.2 || w.Outage > 2.3 || len(w.Turns) != 2 || w.Again == nil {
			t.Errorf("writes: %+v", w)
		}
		if r := seen.Reads; r.Failed != 0 || r.Outage != 0.25 || len(r.Turns) != 2 || r.Asked < 16 {
			t.Errorf("reads: %+v", r)
		}
		if len(kept) < 4 || kept[0].Writes.Asked != 1 || kept[2].Writes.Again != nil || kept[2].Until.Sub(began) < 2*time.Second {
			t.Errorf("kept %d times, first %+v", len(kept), kept[0])
		}
	})
}

// TestAProberDoesNotWriteWhileASwitchMoves, and counts what others were answered who did.
func TestAProberDoesNotWriteWhileASwitchMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		moving := func() bool { at := time.Since(began); return at > 900*time.Millisecond && at < 3*time.Second }
		writes := func(context.Context) (bool, error) {
			if moving() {
				t.Errorf("a write was asked after %v", time.Since(began))
			}
			return time.Since(began) > 2*time.Second, nil
		}
		released, told := make(chan struct{}), make(chan clients.Answer, 2)
		told <- clients.Answer{Began: began.Add(-time.Hour), Ended: began.Add(-time.Hour), Side: clients.New} // of before
		time.AfterFunc(2*time.Second, func() { told <- clients.Answer{Began: time.Now(), Ended: time.Now(), Side: clients.New} })
		time.AfterFunc(4*time.Second, func() { close(released) })
		w := clients.Prober{Writes: writes, Every: 100 * time.Millisecond, Now: time.Now, Hold: moving, Told: told}.Run(t.Context(), released).Writes
		if !w.OutageBegan.Equal(began.Add(900*time.Millisecond)) || w.Outage != 1.1 || len(w.Turns) != 2 || !w.Turns[1].Since.Equal(began.Add(2*time.Second)) {
			t.Errorf("writes: %+v", w)
		}
	})
}

// TestAProberTellsWhoWaits: of the first question that a fence holds, from its asking; and each second, although nobody was answered yet.
func TestAProberTellsWhoWaits(t *testing.T) {
	for name, hold := range map[string]func() bool{"nobody answers": nil, "writes are not asked": func() bool { return true }} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			writes := func(ctx context.Context) (bool, error) { // the first one is held until after the release, and the others are answered
				if time.Since(began) > 0 {
					return true, nil
				}
				select {
				case <-ctx.Done():
				case <-time.After(4500 * time.Millisecond):
				}
				return false, errors.New("closed")
			}
			released, replied := make(chan struct{}), 0
			time.AfterFunc(4*time.Second, func() { close(released) })
			var kept []clients.Seen
			w := clients.Prober{
				Writes: writes, Every: 2 * time.Second, Now: time.Now, Hold: hold, Keep: func(s clients.Seen) { kept = append(kept, s) }, Replied: func() { replied++ },
			}.Run(t.Context(), released).Writes
			if len(kept) < 4 || replied != 1 {
				t.Errorf("%s: kept %d times, replied %d times", name, len(kept), replied)
			}
			if hold == nil && (kept[0].Writes.Outage != 1 || !w.OutageBegan.Equal(began) || w.Outage != 6 || w.Failed != 1 || w.Again == nil) {
				t.Errorf("the client waited for %v of 6 s from %v: %+v", w.Outage, w.OutageBegan.Sub(began), kept[0].Writes)
			}
		})
	}
}

// TestAProberEnds although nobody answers, with the questions that it has asked.
func TestAProberEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(ctx context.Context) (bool, error) {
			<-ctx.Done()
			return false, ctx.Err()
		}
		released := make(chan struct{})
		close(released)
		began := time.Now()
		seen := clients.Prober{Writes: silent, Every: time.Second, Now: time.Now}.Run(t.Context(), released)
		if took := time.Since(began); took != 5*time.Second || seen.Reads != nil || seen.Writes.Outage != 5 || seen.Writes.Again != nil {
			t.Errorf("it took %v: %+v", took, seen.Writes)
		}
	})
}

// TestWhatNobodySawIsATimeWithoutAnAnswer: a process was killed, and another one took over.
func TestWhatNobodySawIsATimeWithoutAnAnswer(t *testing.T) {
	before := clients.Seen{At: noon, Until: after(3), Writes: clients.Sum([]clients.Answer{answered(1, clients.Legacy), failed(2, "closed")}, noon, after(3))}
	next := clients.Seen{At: after(9), Until: after(20), Complete: true, Writes: clients.Sum([]clients.Answer{failed(10, "gone"), answered(12, clients.New), answered(20, clients.New)}, after(9), after(20))}
	silent := clients.Seen{At: after(4), Until: after(5), Writes: clients.Sum(nil, after(4), after(5))}
	later := clients.Seen{At: after(86400), Until: after(86401), Complete: true}
	got := clients.Together([]clients.Seen{before, silent, next, later})
	want := clients.Seen{
		At: noon, Until: after(20), Complete: true, NotAsked: []clients.Gap{{From: after(3), To: after(4)}, {From: after(5), To: after(9)}},
		Writes: &clients.Service{
			Asked: 5, Failed: 2, Outage: 11, OutageBegan: after(1), Again: new(after(12)), First: new(after(1)), Last: new(after(20)), FirstError: "closed",
			Turns:  []clients.Turn{{Side: clients.Legacy, Since: after(1)}, {Side: clients.New, Since: after(12)}},
			Points: [][3]int64{{990, 10, 1}, {1990, 10, 0}, {9990, 10, 0}, {11990, 10, 2}, {19990, 10, 2}},
		},
	}
	if d := cmp.Diff([]clients.Seen{want, later}, got); d != "" {
		t.Error(d)
	}
	if before.Writes.Outage != 2 || before.NotAsked != nil {
		t.Errorf("joining has changed what was joined: %+v", before)
	}
}
