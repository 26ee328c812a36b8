package lab

import (
	"crypto/md5" //nolint:gosec // as the table does it
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// DeskStore is a store in a language of its own. An order is a stream of messages, whose payload is JSON in bytes. Types and keys
// are other words, prices are whole ten-thousandths in objects, and the time of the entry is in seconds.
var DeskStore = &Store{
	Name:     "desk",
	Events:   text("desk.yaml"),
	Fields:   text("desk_fields.yaml"),
	Stream:   text("desk_stream.yaml"),
	Stored:   "desk.stored",
	spoken:   "desk.spoken",
	table:    "desk.messages",
	position: "global_position",
	columns:  "stream_name, type, time, data",
	row:      "'order-' || $1::bigint, $2::text, $3::timestamptz AT TIME ZONE 'UTC', convert_to($4::text, 'UTF8')",
	payload:  "data = convert_to($2::text, 'UTF8')",
	words:    deskWords,
	message:  deskMessage,
}

func deskWords(e event) (string, any) {
	switch e.kind {
	case kindEntry:
		side := map[string]string{"BUY": "1", "SELL": "2"}[e.entry.side]
		return "Placed", map[string]any{
			"traderId": e.entry.trader, "symbol": e.entry.symbol, "side": side, "orderQty": e.entry.quantity.String(),
			"limitPrice": money(e.entry.price), "placedAt": e.at.Unix(),
		}
	case kindChange:
		value, key := e.value, "limitPrice"
		if e.float != 0 {
			value = units(e.float)
		}
		if e.misspelt {
			key = "limit_price"
		}
		if e.field == "quantity" {
			return "QuantityChanged", map[string]any{"orderQty": value.String()}
		}
		return "PriceChanged", map[string]any{key: money(value)}
	case kindTrade:
		return "Executed", map[string]any{"lastQty": e.quantity.String(), "leavesQty": e.left.String(), "lastPx": money(e.price)}
	default:
		return "Cancelled", map[string]any{"text": "by trader"}
	}
}

// units are the ten-thousandths of the fewest digits that identify a float.
func units(f float32) amount {
	shown, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'f', -1, 32), 64)
	if err != nil {
		panic(err) // it was just printed
	}
	return amount(math.Round(shown * float64(unit)))
}

// money is an amount of dollars in ten-thousandths.
func money(a amount) any {
	return map[string]any{"amount": int64(a), "currency": "USD"}
}

// deskMessage is a structured CloudEvent with the id of the stored message. Its place in the store is its sequence.
func deskMessage(e stored) any {
	return struct {
		Version  string          `json:"specversion"`
		ID       string          `json:"id"`
		Source   string          `json:"source"`
		Subject  string          `json:"subject"`
		Sequence string          `json:"sequence"`
		Type     string          `json:"type"`
		Time     string          `json:"time"`
		Data     json.RawMessage `json:"data"`
	}{
		"1.0", deskID(e.id), "/desk", "order-" + strconv.FormatInt(e.order, 10), strconv.FormatInt(e.id, 10),
		"desk." + e.kind, e.at.Format(micros), e.payload,
	}
}

// deskID is the uuid that the table gives to the message at a position.
func deskID(position int64) string {
	id := md5.Sum([]byte("message " + strconv.FormatInt(position, 10))) //nolint:gosec // no secret
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
