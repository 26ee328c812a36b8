package lab

import (
	"encoding/json"
	"time"
)

// OrdersStore is the store of the default schema.
var OrdersStore = &Store{
	Name:     "orders",
	Events:   text("orders.yaml"),
	Fields:   text("orders_fields.yaml"),
	Stored:   "event_store",
	spoken:   "event_store",
	table:    "event_store",
	position: "event_id",
	columns:  "order_id, event_type, timestamp, payload",
	row:      "$1::bigint, $2::text, $3::timestamptz, $4::text::jsonb",
	payload:  "payload = $2::text::jsonb",
	words:    ordersWords,
	message:  ordersMessage,
}

func ordersWords(e event) (string, any) {
	kind, says := ordersSays(e)
	if e.origin != nil {
		says["_backfill"] = e.origin
	}
	return kind, says
}

func ordersSays(e event) (string, map[string]any) {
	switch e.kind {
	case kindEntry:
		return "OrderCreated", map[string]any{
			"trader_id": e.entry.trader, "symbol": e.entry.symbol, "side": e.entry.side, "quantity": e.entry.quantity, "price": e.entry.price,
		}
	case kindChange:
		to, value := "new_value", any(e.value.String())
		if e.misspelt {
			to = "newValue"
		}
		if e.float != 0 {
			value = e.float
		}
		return "OrderModified", map[string]any{"field": e.field, "old_value": e.before.String(), to: value}
	case kindTrade:
		if e.left == 0 {
			return "OrderFilled", map[string]any{"quantity": e.quantity, "price": e.price}
		}
		return "OrderPartiallyFilled", map[string]any{"filled_quantity": e.quantity, "remaining_quantity": e.left, "price": e.price}
	case kindImport:
		return "OrderImported", map[string]any{
			"trader_id": e.entry.trader, "symbol": e.entry.symbol, "side": e.entry.side, "quantity": e.entry.quantity, "price": e.entry.price,
			"status": e.entry.status, "filled_quantity": e.entry.filled, "notional": e.paid,
			"created_at": e.createdAt.UTC().Format(time.RFC3339Nano),
		}
	default:
		if e.origin != nil {
			return "OrderCanceled", map[string]any{"reason": nil} // legacy does not record it
		}
		return "OrderCanceled", map[string]any{"reason": "TRADER_CANCEL"}
	}
}

// micros is the form of times in messages.
const micros = "2006-01-02T15:04:05.000000Z"

func ordersMessage(e stored) any {
	return struct {
		ID      int64           `json:"event_id"`
		Order   int64           `json:"order_id"`
		Kind    string          `json:"event_type"`
		At      string          `json:"timestamp"`
		Payload json.RawMessage `json:"payload"`
	}{e.id, e.order, e.kind, e.at.Format(micros), e.payload}
}
