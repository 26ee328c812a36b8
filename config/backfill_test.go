package config_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
)

// backfilled is a configuration with these sections.
func backfilled(sections string) string {
	return `legacy: {dsn: "postgres://x"}
projection: {dsn: "postgres://x"}
ledger: {dsn: "postgres://x"}
compare:
  fields: [{name: trader_id, type: integer}, {name: symbol, type: text}, {name: side, type: text}, {name: quantity, type: numeric}, {name: price, type: numeric},
    {name: status, type: text}, {name: filled_quantity, type: numeric}, {name: created_at, type: timestamptz}]
` + sections
}

func TestBackfillWritesTheColumnsThatEventsNames(t *testing.T) {
	c, err := config.Parse("config.yaml", []byte(backfilled(`
events: {dsn: "postgres://e", table: streams, key: {column: stream_name, strip: "order-"}, type: '"Type"', at: {column: Time, zone: UTC}, payload: "(data -> 'body')"}
backfill: {enabled: true, columns: {data: '{"body":{payload}}', origin: backfill}, workers: 3}
`)), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"stream_name": "order-{key}", "Type": "{type}", "time": "{at}", "data": `{"body":{payload}}`, "origin": "backfill"}
	if b := c.Backfill; !maps.Equal(b.Columns, want) || b.Workers != 3 || b.Table != "streams" || b.DSN.Reveal() != "postgres://e" || c.CreatedAt() != `"created_at"` {
		t.Errorf("read %+v, want the columns %v", b, want)
	}
}

func TestMistakesInBackfill(t *testing.T) {
	for want, sections := range map[string]string{
		`config.yaml:7:21: backfill.enabled: needs the section events`: `backfill: {enabled: true}`,
		`config.yaml:8:21: backfill.columns: no column gets the event's payload, because events.payload is an expression`: `events: {dsn: "postgres://e", payload: "(data -> 'body')"}
backfill: {enabled: true}`,
		`config.yaml:8:21: backfill.enabled: needs the name of the table that is written, because events.table is a query`: `events: {dsn: "postgres://e", table: "(SELECT * FROM e)"}
backfill: {enabled: true}`,
		`config.yaml:8:21: backfill.enabled: cannot write a store whose events have their time in the payload`: `events: {dsn: "postgres://e", at: $.at}
backfill: {enabled: true}`,
		`config.yaml:11:5: events.fold.OrderFilled: the rule cannot be turned round: it subtracts from "filled_quantity", and legacy has no record of that`: `events:
  dsn: "postgres://e"
  preset: orders
  fold:
    OrderFilled: {subtract: {filled_quantity: $.quantity}}
backfill: {enabled: true}`,
		`config.yaml:7:37: backfill.workers: must be from 1 to 16, found "17"`: `backfill: {enabled: false, workers: 17}`,
	} {
		_, err := config.Parse("config.yaml", []byte(backfilled(sections)), func(string) (string, bool) { return "", false })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("says %v\nwant %s", err, want)
		}
	}
}
