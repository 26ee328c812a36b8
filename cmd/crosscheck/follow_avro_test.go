package main

import (
	"bytes"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/hamba/avro/v2"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/registry/registrytest"
)

// The events of the desk in Avro. Money is a schema of its own, to which the other one refers.
const (
	deskMoney = `{"type":"fixed","name":"Money","namespace":"desk","size":9,"logicalType":"decimal","precision":18,"scale":4}`
	deskEvent = `{"type":"record","name":"Event","namespace":"desk","fields":[
{"name":"id","type":"long"},{"name":"type","type":"string"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
{"name":"payload","type":[
 {"type":"record","name":"OrderCreated","fields":[{"name":"trader_id","type":"string"},{"name":"symbol","type":"string"},
  {"name":"side","type":{"type":"enum","name":"Side","symbols":["BUY","SELL"]}},{"name":"quantity","type":"Money"},{"name":"price","type":["null","Money"]}]},
 {"type":"record","name":"OrderModified","fields":[{"name":"field","type":"string"},{"name":"old_value","type":"string"},{"name":"new_value","type":"string"}]},
 {"type":"record","name":"OrderPartiallyFilled","fields":[{"name":"filled_quantity","type":"Money"},{"name":"remaining_quantity","type":"Money"},{"name":"price","type":"Money"}]},
 {"type":"record","name":"OrderFilled","fields":[{"name":"quantity","type":"Money"},{"name":"price","type":"Money"}]},
 {"type":"record","name":"OrderCanceled","fields":[{"name":"reason","type":["null","string"]}]}]}]}`
)

// avroDesk writes events of the default schema in Avro.
type avroDesk struct {
	t      *testing.T
	schema avro.Schema
	id     uint32
}

func newAvroDesk(t *testing.T, registryURL string) *avroDesk {
	t.Helper()
	registrytest.Register(t, registryURL, "money", registrytest.Schema{Schema: deskMoney})
	id := registrytest.Register(t, registryURL, "desk-value", registrytest.Schema{
		Schema: deskEvent, References: []registrytest.Reference{{Name: "desk.Money", Subject: "money", Version: 1}},
	})
	cache := &avro.SchemaCache{}
	var schema avro.Schema
	for _, text := range []string{deskMoney, deskEvent} {
		var err error
		if schema, err = avro.ParseWithCache(text, "", cache); err != nil {
			t.Fatal(err)
		}
	}
	return &avroDesk{t, schema, id}
}

func (d *avroDesk) record(e order.RawEvent) order.Record {
	d.t.Helper()
	var said map[string]any
	numbers := json.NewDecoder(bytes.NewReader(e.Payload))
	numbers.UseNumber()
	if err := numbers.Decode(&said); err != nil {
		d.t.Fatal(err)
	}
	payload := map[string]any{}
	for name, value := range said {
		text, isText := value.(string)
		if n, ok := value.(json.Number); ok {
			text, isText = n.String(), true
		}
		number, isNumber := new(big.Rat).SetString(text)
		money := name == "price" || name == "quantity" || name == "filled_quantity" || name == "remaining_quantity"
		optional := name == "price" && e.Type == "OrderCreated" || name == "reason"
		switch {
		case value == nil:
			payload[name] = nil
		case !isText || money && !isNumber:
			d.t.Fatalf("%s is %v", name, value)
		case money && optional:
			payload[name] = map[string]any{"desk.Money": number}
		case money:
			payload[name] = number
		case optional:
			payload[name] = map[string]any{"string": text}
		default:
			payload[name] = text
		}
	}
	data, err := avro.Marshal(d.schema, map[string]any{
		"id": int64(e.Position), "type": e.Type, "at": e.At, "payload": map[string]any{"desk." + e.Type: payload},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return order.Record{Key: []byte(e.Key), Value: registrytest.Framed(d.id, data)}
}
