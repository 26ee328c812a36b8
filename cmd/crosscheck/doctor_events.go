package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/topic"
	"github.com/nordvarg/crosscheck/verify"
)

// checkDecoded says how many of the newest events or messages can be read.
const checkDecoded = "decoded"

// diagnoseEvents examines the event store and legacy's own record of its orders, if they are configured.
func diagnoseEvents(ctx context.Context, c *config.Config, now func() time.Time) []doctor.Finding {
	var findings []doctor.Finding
	if c.Events.Given() {
		events, err := eventsConfig(c, nil)
		if err != nil {
			findings = append(findings, doctor.Finding{
				Side: string(order.Events), Check: source.CheckField, Level: doctor.Error, Message: err.Error(), Hint: "see events.fold",
			})
		} else {
			findings = compareFolds(ctx, c, events)
			findings = append(append(findings, source.DiagnoseEvents(ctx, events, now)...), judgedFinding(c))
			findings = append(findings, decodeEvents(ctx, events)...)
		}
	}
	if c.Events.Archived != "" {
		findings = append(findings, archivedFinding(ctx, c))
	}
	if c.History.Given() {
		findings = append(findings, source.DiagnoseHistory(ctx, legacyConfig(c, nil), historyConfig(c), now)...)
	}
	return findings
}

// archivedFinding names the orders whose events are not compared.
func archivedFinding(ctx context.Context, c *config.Config) doctor.Finding {
	f := doctor.Finding{Side: string(order.Events), Check: "archived", Level: doctor.Error}
	orders, rest, err := countArchived(ctx, c)
	if err != nil {
		f.Check, f.Message = checkOr(f.Check, err), "events.archived: "+doctor.OneLine(err.Error())
		f.Hint = hintOr(err, "events.archived is an SQL condition for rows of legacy.table")
		return f
	}
	f.Level, f.Hint = doctor.Info, "the condition should hold for no order whose events were not moved"
	f.Message = fmt.Sprintf("events.archived: %s in the condition; those without any event are not compared with the events", human.Quantity(orders, "order of legacy is", "orders of legacy are"))
	if !rest && orders > 0 {
		f.Level, f.Message = doctor.Warning, f.Message+". The condition holds for every order, so no order is missed in the events"
	}
	return f
}

// countArchived also returns whether there are other orders.
func countArchived(ctx context.Context, c *config.Config) (orders int64, rest bool, err error) {
	legacy := legacyConfig(c, nil)
	err = withSnapshot(ctx, legacy, func(n verify.Snapshot) error { orders, err = n.Archived(ctx); return err })
	if err != nil {
		return 0, false, err
	}
	others := "(" + c.Events.Archived + "\n) IS NOT TRUE"
	if legacy.Where != "" {
		others += " AND (" + legacy.Where + "\n)"
	}
	legacy.Where = others
	err = withSnapshot(ctx, legacy, func(n verify.Snapshot) error {
		e, err := n.Extent(ctx)
		rest = !e.Empty
		return err
	})
	return orders, rest, err
}

func withSnapshot(ctx context.Context, c source.Config, read func(verify.Snapshot) error) error {
	side, err := source.Open(ctx, c)
	if err != nil {
		return err
	}
	defer side.Close()
	n, err := side.Begin(ctx)
	if err != nil {
		return err
	}
	defer n.Close()
	return read(n)
}

// decodeEvents says nothing of a store that cannot be opened, because that has its findings.
func decodeEvents(ctx context.Context, c source.EventsConfig) []doctor.Finding {
	events, err := source.OpenEvents(ctx, c)
	if err != nil {
		return nil
	}
	defer events.Close()
	count, err := events.Census(ctx)
	if err != nil {
		return []doctor.Finding{{Side: string(order.Events), Check: checkOr(checkDecoded, err), Level: doctor.Error, Message: doctor.OneLine(err.Error()), Hint: hintOr(err, eventsHint)}}
	}
	return eventsForm.findings(count)
}

// checkOr is the check of a finding about an error that may pass.
func checkOr(check string, err error) string {
	if passes(err) {
		return doctor.Busy
	}
	return check
}

// diagnoseStream examines the topic, and reads its newest messages as the follower would.
func diagnoseStream(ctx context.Context, c *config.Config) []doctor.Finding {
	config := topicConfig(c.Stream, nil, slog.New(slog.DiscardHandler))
	events, err := openEvents(ctx, c, nil)
	if err != nil { // has its findings
		return topic.Diagnose(ctx, config, func(follow.Message) error { return nil })
	}
	defer events.Close()
	census, err := messageCensus(c, events)
	if err != nil { // has its finding too
		return topic.Diagnose(ctx, config, func(follow.Message) error { return nil })
	}
	findings := topic.Diagnose(ctx, config, func(m follow.Message) error { return census.Add(ctx, m) })
	count, err := census.Done(ctx)
	if err != nil {
		return append(findings, doctor.Finding{Side: string(order.Stream), Check: checkOr(checkDecoded, err), Level: doctor.Error, Message: doctor.OneLine(err.Error()), Hint: hintOr(err, streamHint)})
	}
	return append(findings, messagesForm.findings(count)...)
}

// form is what events are called in findings.
type form struct {
	side          order.Representation
	one, many     string
	gap           string // its name in the gate's decision
	ignoredBy     string // the settings
	unread        string // hints
	unnamed, most string
}

const (
	eventsHint = "check events.key, events.type, events.payload and events.fold"
	streamHint = "check stream.topic and what the producer writes there; stream.envelope says where a message has id, key, type, time and payload, and without it a message is one JSON object with event_id, order_id, event_type, timestamp and payload"
)

var (
	eventsForm = form{
		side: order.Events, one: "event", many: "events", gap: "event_store", ignoredBy: "events.fold",
		unread:  "correct the paths in events.fold, or convert old events with an expression in events.payload",
		unnamed: "say in events.fold what its events do, or let it ignore them if they belong to others or change no order",
		most:    eventsHint,
	}
	messagesForm = form{
		side: order.Stream, one: "message", many: "messages", gap: "stream", ignoredBy: "events.fold, stream.ignore_types or stream.types",
		unread:  "each such message is a divergence; crosscheck explain ORDER shows the messages of one order",
		unnamed: "say in events.fold what its events do, list it in stream.ignore_types if its messages belong to others or change no order, or list the types of your own in stream.types",
		most:    streamHint,
	}
)

// mostTypes is how many types have a finding of their own.
const mostTypes = 12

// findings says by type how many can be read, and then of all.
func (f form) findings(c *order.Census) []doctor.Finding {
	total := c.Total()
	if total.All == 0 {
		return nil
	}
	finding := func(level doctor.Level, hint, format string, args ...any) doctor.Finding {
		return doctor.Finding{Side: string(f.side), Check: checkDecoded, Level: level, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	var out []doctor.Finding
	for i, t := range c.Types() {
		if i == mostTypes {
			out = append(out, finding(doctor.Info, f.unnamed, "there are %d more types", len(c.Types())-mostTypes))
			break
		}
		level, hint, message := f.ofType(t)
		out = append(out, finding(level, hint, "%s", message))
	}
	judged := total.All - total.Ignored
	if why := c.Unusable(f.many); why != "" {
		return append(out, finding(doctor.Error, f.most, "%s", why))
	}
	if judged == 0 {
		return append(out, finding(doctor.Warning, "check "+f.ignoredBy, "all of the newest %d %s are ignored", total.All, f.many))
	}
	return append(out, finding(doctor.OK, "", "%d of the newest %d %s can be read", total.Read, judged, f.many))
}

func (f form) ofType(t order.Counted) (level doctor.Level, hint, message string) {
	name := "without a type"
	if t.Type != "" {
		name = fmt.Sprintf("%.60s", t.Type)
	}
	n := human.Quantity(int64(t.All), f.one, f.many)
	switch {
	case t.Ignored == t.All:
		return doctor.OK, "", fmt.Sprintf("%s: %s, ignored by %s", name, n, f.ignoredBy)
	case t.Unnamed:
		return doctor.Warning, f.unnamed, fmt.Sprintf("%s: %s of a type that the configuration does not name", name, n)
	case t.Unread() > 0:
		return doctor.Warning, f.unread, fmt.Sprintf("%s: %d of %d %s cannot be read, the first because %s", name, t.Unread(), t.All, f.many, t.First)
	case t.Folded < t.Read:
		return doctor.Warning, "each is a finding about its order; crosscheck explain ORDER shows it", fmt.Sprintf("%s: %s can be read, but %d have a problem, the first: %s", name, n, t.Read-t.Folded, t.First)
	}
	what := "read"
	if f.side == order.Events {
		what = "read and folded"
	}
	return doctor.OK, "", fmt.Sprintf("%s: %s can be %s", name, n, what)
}
