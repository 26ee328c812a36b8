package follow_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

// TestAMessageOfAnOldVersionIsReadAsTheStoreReadsItsOwn: the publisher sent what was stored, and the store is read through
// an expression. A message that says something else than the store is no better for being old.
func TestAMessageOfAnOldVersionIsReadAsTheStoreReadsItsOwn(t *testing.T) {
	const old = `{"event_id":%d,"order_id":%d,"event_type":"Cancelled","timestamp":"2024-01-01T00:00:00Z","payload":{"motive":%q}}`
	for name, test := range map[string]struct{ text, want string }{
		"as it was stored":     {fmt.Sprintf(old, 11, 7, "why"), ""},
		"with another value":   {fmt.Sprintf(old, 11, 7, "because"), "7 wrong_publish"},
		"of another order":     {fmt.Sprintf(old, 11, 8, "why"), "7 wrong_publish"},
		"without what it says": {`{"event_id":11,"order_id":7,"event_type":"Cancelled","timestamp":"2024-01-01T00:00:00Z","payload":{}}`, "7 schema_drift"},
		"as it is read today":  {fmt.Sprintf(canceled, 11, 7, "why"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, 1)
			s.upcast = func(m order.RawEvent) follow.Upcast {
				same := string(m.Payload) == `{"motive":"why"}`
				m.Payload = bytes.Replace(m.Payload, []byte("motive"), []byte("reason"), 1)
				m.Type = "OrderCanceled"
				return follow.Upcast{Event: m, AsStored: same}
			}
			s.trade(1, 10)
			s.store(11, 7)
			s.publishText(0, 7, test.text)
			s.trade(12, 20)
			s.want(20, test.want)
		})
	}
}
