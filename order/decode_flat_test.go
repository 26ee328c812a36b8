package order

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// TestTheShortWayOfDecodingFindsTheSame: what is read without a copy says what the long way says, whatever is wrong with the payload.
func TestTheShortWayOfDecodingFindsTheSame(t *testing.T) {
	payloads := map[string]string{
		"OrderCreated":         `{"side": "BUY", "price": 10.50, "symbol": "AAPL", "quantity": 100, "trader_id": "7", "order_id": 5, "_backfill": {"id": "x"}}`,
		"OrderModified":        `{"field": "price", "new_value": "10.5", "old_value": null}`,
		"OrderPartiallyFilled": `{"price": "10", "filled_quantity": 40, "remaining_quantity": 6e1}`,
		"OrderFilled":          `{"price": 1.0, "quantity": -0.00}`,
		"OrderCanceled":        `{"reason": "é\n"}`,
		"OrderImported":        `{"status": "OPEN", "created_at": "2025-03-01T09:30:00Z", "trader_id": "7", "symbol": "A", "side": "BUY", "quantity": 1, "price": null, "filled_quantity": 0, "notional": 0}`,
	}
	const odd = `"{}:,nul 0123456789.eE-+\xé[]tf`
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	short := 0
	for kind, payload := range payloads {
		for range 5000 {
			text := []byte(payload)
			for range r.IntN(3) {
				switch at := r.IntN(len(text)); r.IntN(3) {
				case 0:
					text[at] = odd[r.IntN(len(odd))]
				case 1:
					text = append(text[:at], text[at+1:]...)
				default:
					text = append(text[:at:at], append([]byte{odd[r.IntN(len(odd))]}, text[at:]...)...)
				}
			}
			raw := RawEvent{Position: 1, Key: "5", Type: kind, At: time.Unix(1, 0), Payload: text}
			rule := defaults.events[kind]
			said := rule.flatly(raw)
			if said == nil {
				continue
			}
			short++
			if want, finding := rule.thoroughly(raw); finding != nil || !reflect.DeepEqual(said, want) {
				t.Fatalf("%s %s says %+v; the long way %+v, %v", kind, text, said, want, finding)
			}
		}
	}
	if short < 5000 {
		t.Errorf("only %d payloads were read in the short way", short)
	}
}
