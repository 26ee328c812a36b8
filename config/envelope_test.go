package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPositionsWithinOneOrderAreConfigured, and what contradicts them has its place.
func TestPositionsWithinOneOrderAreConfigured(t *testing.T) {
	const file = `legacy: {dsn: "postgres://x"}
projection: {dsn: "postgres://x"}
ledger: {dsn: "postgres://x"}
compare: {fields: [{name: status, type: text}]}
events: {dsn: "postgres://x", position: %s}
`
	plain, err := parse(t, fmt.Sprintf(file, "version"))
	if err != nil {
		t.Fatal(render(t, err))
	}
	per, err := parse(t, fmt.Sprintf(file, "{column: version, per: order}"))
	if err != nil {
		t.Fatal(render(t, err))
	}
	if !per.Events.PerOrder || per.Events.Position != "version" || plain.Events.PerOrder || plain.Fingerprint() == per.Fingerprint() {
		t.Errorf("%+v and %+v", plain.Events, per.Events)
	}
	for text, want := range map[string]string{
		"{per: order}":                            ":5:41: events.position.column: is missing",
		"{column: version, per: stream}":          `events.position.per: unknown per "stream"`,
		"{column: version, pro: order}":           "events.position.pro: unknown key",
		"{column: version, per: order}, at: $.at": ":5:76: events.at: must be a column where positions count within one order",
		"{column: version, per: order}}\nstream: {brokers: [\"a:1\"], topic: orders": "stream: cannot be followed where events.position counts within one order",
	} {
		if _, err := parse(t, fmt.Sprintf(file, text)); err == nil || !strings.Contains(render(t, err), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestTheEnvelopeIsRead in each of its forms, and evidence depends on all of it.
func TestTheEnvelopeIsRead(t *testing.T) {
	type envelope struct {
		Where, Key, Strip, At, Zone, Unit, Path string
		AsStored                                bool
	}
	prints := map[string]string{}
	for lines, want := range map[string]envelope{
		"":                             {Key: "order_id", At: `"timestamp"`},
		"  key: id\n  at: time":        {Key: "id", At: "time"},
		"  key: {column: id}":          {Key: "id", At: `"timestamp"`, AsStored: true},
		"  where: \"category = '$1'\"": {Where: "category = '$1'", Key: "order_id", At: `"timestamp"`},
		"  key: {column: stream_name, strip: order-}":   {Key: "stream_name", Strip: "order-", At: `"timestamp"`},
		"  key: {column: stream_name, strip: \" o%_\"}": {Key: "stream_name", Strip: " o%_", At: `"timestamp"`},
		"  at: {column: time, zone: Europe/Stockholm}":  {Key: "order_id", At: "time", Zone: "Europe/Stockholm"},
		"  at: {column: time, unit: ns}":                {Key: "order_id", At: "time", Unit: "ns"},
		"  at: $.time":                                  {Key: "order_id", Path: "$.time"},
		"  at: {path: $.meta.time}":                     {Key: "order_id", Path: "$.meta.time"},
		"  at: {path: $.meta.time, unit: ms}":           {Key: "order_id", Path: "$.meta.time in ms"},
		"  at: {path: $.time, zone: UTC}":               {Key: "order_id", Path: "$.time in UTC"},
	} {
		c, err := parse(t, complete+"events:\n  dsn: \"${EVENTS_DSN}\"\n"+lines)
		if err != nil {
			t.Errorf("%s: %v", lines, err)
			continue
		}
		e := c.Events
		if d := cmp.Diff(want, envelope{e.Where, e.Key, e.Strip, e.At, e.Zone, e.Unit, e.AtPath.String(), e.AsStored}); d != "" {
			t.Errorf("%s: %s", lines, d)
		}
		print := c.Fingerprint()
		if other, twice := prints[print]; twice && !strings.Contains(lines+other, "{column: id}") {
			t.Errorf("%q and %q have the same fingerprint", lines, other)
		}
		prints[print] = lines
	}
}

// TestAColumnIsNoPath: a path of the payload where a column is asked for would only fail in the database.
func TestAColumnIsNoPath(t *testing.T) {
	const file = `legacy: {dsn: "postgres://x"}
projection: {dsn: "postgres://x"}
ledger: {dsn: "postgres://x"}
compare: {fields: [{name: status, type: text}]}
events: {dsn: "postgres://x", %s}
`
	for text, want := range map[string]string{
		"key: $.id":           ":5:36: events.key: \"$.id\" is a path, and no column\n    hint: name the column, or write an expression in SQL, such as payload->>'id'",
		"key: {column: $.id}": ":5:45: events.key.column: \"$.id\" is a path, and no column",
		"type: $.type":        ":5:37: events.type: \"$.type\" is a path, and no column",
		"payload: $.data":     ":5:40: events.payload: \"$.data\" is a path, and no column",
	} {
		if _, err := parse(t, fmt.Sprintf(file, text)); err == nil || !strings.Contains(render(t, err), want) {
			t.Errorf("%s: %v, want %q", text, render(t, err), want)
		}
	}
}
