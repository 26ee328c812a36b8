package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
)

func sender(t *testing.T, l *ledger.Ledger) lease.Lease {
	t.Helper()
	held, err := l.Acquire(t.Context(), "alerts", "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func opening(subject string, severity incident.Severity, notBefore time.Time, ops ...incident.Op) incident.Change {
	c := incident.Change{Incident: incident.Incident{
		Key:      incident.Key{Kind: incident.Divergence, Subject: subject, Fingerprint: "f"},
		Severity: severity, Open: true, OpenedAt: t0, ToldAt: t0, Count: 2, Peak: 3, Told: "2",
		Body: incident.Body{Headline: subject, Lines: []string{"a <b> \"c\""}, Link: "https://x"},
	}}
	for _, op := range ops {
		c.Messages = append(c.Messages, incident.Message{Op: op, Body: incident.Body{Headline: subject + " " + string(op)}, NotBefore: notBefore})
	}
	return c
}

// sent delivers everything that may be sent at the time, and returns what it was.
func sent(t *testing.T, l *ledger.Ledger, held lease.Lease, now time.Time) []string {
	t.Helper()
	var out []string
	for {
		d, ok, err := l.NextDelivery(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		out = append(out, d.Body.Headline+" at "+d.TS)
		if err := l.BeginDelivery(t.Context(), held, d.ID, now, now); err != nil {
			t.Fatal(err)
		}
		if err := l.EndDelivery(t.Context(), held, d.ID, incident.Ending{Outcome: incident.Sent, Channel: "C1", TS: "ts of " + d.Body.Headline}, now); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIncidentsAreReadAsTheyWereStored(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := sender(t, l)
	change := opening("a", incident.Warning, time.Time{})
	if err := l.Apply(t.Context(), held, []incident.Change{change}, t0); err != nil {
		t.Fatal(err)
	}
	got, err := l.Incidents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change.Incident.ID = got[0].ID
	if diff := cmp.Diff([]incident.Incident{change.Incident}, got); diff != "" {
		t.Errorf("incidents (-stored +read):\n%s", diff)
	}
	resolved := got[0]
	resolved.Open, resolved.ResolvedAt = false, t0
	if err := l.Apply(t.Context(), held, []incident.Change{{Incident: resolved}}, t0); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Incidents(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("resolved, and still known: %v, error %v", got, err)
	}
}

func TestMessagesOfOneThreadKeepTheirOrder(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := sender(t, l)
	night := t0.Add(time.Hour)
	changes := []incident.Change{
		opening("held", incident.Warning, night, incident.Parent, incident.Reply),
		opening("now", incident.Critical, time.Time{}, incident.Parent, incident.Edit, incident.Reply, incident.Edit),
	}
	if err := l.Apply(t.Context(), held, changes, t0); err != nil {
		t.Fatal(err)
	}
	for at, pending := range map[time.Time]int64{t0: 3, night: 5} { // the older edit is needless, and what is held waits on purpose
		if n, err := l.AlertsPending(t.Context(), at); err != nil || n != pending {
			t.Errorf("%d pending at %v, want %d, error %v", n, at, pending, err)
		}
	}
	if diff := cmp.Diff([]string{"now parent at ", "now reply at ts of now parent", "now edit at ts of now parent"}, sent(t, l, held, t0)); diff != "" {
		t.Errorf("by night (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"held parent at ", "held reply at ts of held parent"}, sent(t, l, held, night)); diff != "" {
		t.Errorf("by day (-want +got):\n%s", diff)
	}
}

func TestWhatBecomesCriticalDoesNotWait(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := sender(t, l)
	if err := l.Apply(t.Context(), held, []incident.Change{opening("a", incident.Warning, t0.Add(time.Hour), incident.Parent)}, t0); err != nil {
		t.Fatal(err)
	}
	if got := sent(t, l, held, t0); len(got) != 0 {
		t.Errorf("sent in quiet hours: %v", got)
	}
	known, err := l.Incidents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known[0].Severity = incident.Critical
	if err := l.Apply(t.Context(), held, []incident.Change{{Incident: known[0]}}, t0); err != nil {
		t.Fatal(err)
	}
	if got := sent(t, l, held, t0); len(got) != 1 {
		t.Errorf("critical by now, sent: %v", got)
	}
}

// TestAnAttemptIsLeftAlone holds that a message with an attempt under way, and everything behind it, waits.
func TestAnAttemptIsLeftAlone(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	held := sender(t, l)
	changes := []incident.Change{opening("a", incident.Critical, time.Time{}, incident.Parent), opening("b", incident.Critical, time.Time{}, incident.Parent)}
	if err := l.Apply(t.Context(), held, changes, t0); err != nil {
		t.Fatal(err)
	}
	first, _, err := l.NextDelivery(t.Context(), t0)
	if err != nil {
		t.Fatal(err)
	}
	later := t0.Add(20 * time.Second)
	if err := l.BeginDelivery(t.Context(), held, first.ID, t0, later); err != nil {
		t.Fatal(err)
	}
	if d, ok, err := l.NextDelivery(t.Context(), t0.Add(time.Second)); ok || err != nil {
		t.Errorf("%v may be sent beside, error %v", d, err)
	}
	again, ok, err := l.NextDelivery(t.Context(), later)
	if err != nil || !ok || again.ID != first.ID || !again.AttemptedAt.Equal(t0) || again.Attempts != 1 || again.Marker != first.Marker {
		t.Errorf("later: %+v, %v, error %v", again, ok, err)
	}
	for _, e := range []incident.Ending{{Outcome: incident.Unknown, RetryAt: later}, {Outcome: incident.NotSent, RetryAt: later}} {
		if err := l.EndDelivery(t.Context(), held, first.ID, e, t0); err != nil {
			t.Fatal(err)
		}
		d, _, err := l.NextDelivery(t.Context(), later)
		if err != nil || d.AttemptedAt.IsZero() != (e.Outcome == incident.NotSent) {
			t.Errorf("%s: attempted at %s, error %v", e.Outcome, d.AttemptedAt, err)
		}
	}
}

func TestALostLeaseChangesNothing(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	old := sender(t, l)
	if err := l.Apply(t.Context(), old, []incident.Change{opening("a", incident.Critical, time.Time{}, incident.Parent)}, t0); err != nil {
		t.Fatal(err)
	}
	exec(t, connect(t, dsn), "UPDATE crosscheck.lease SET expires_at = clock_timestamp()")
	held := sender(t, l)
	d, _, err := l.NextDelivery(t.Context(), t0)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"apply": l.Apply(t.Context(), old, []incident.Change{opening("b", incident.Critical, time.Time{}, incident.Parent)}, t0),
		"begin": l.BeginDelivery(t.Context(), old, d.ID, t0, t0.Add(time.Hour)),
		"end":   l.EndDelivery(t.Context(), old, d.ID, incident.Ending{Outcome: incident.Sent}, t0),
	} {
		if !errors.Is(err, lease.ErrFenced) {
			t.Errorf("%s under a lost lease: %v", what, err)
		}
	}
	if diff := cmp.Diff([]string{"a parent at "}, sent(t, l, held, t0)); diff != "" {
		t.Errorf("sent by the new holder (-want +got):\n%s", diff)
	}
}
