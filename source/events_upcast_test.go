package source_test

import (
	"fmt"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestMessagesAreReadAsTheEventsAreRead puts messages in the place of what is stored.
func TestMessagesAreReadAsTheEventsAreRead(t *testing.T) {
	stored := eventStore(t, `ALTER TABLE event_store ADD v int NOT NULL DEFAULT 2, ADD old text, ADD meta jsonb DEFAULT '{"w": 1}'`,
		`INSERT INTO event_store (event_id, order_id, event_type, timestamp, payload, v) VALUES
		(1, 7, 'Cancelled', '2024-01-01 00:00:00+00', '{"motive": "a"}', 1), (2, 7, 'OrderCanceled', '2024-01-01 00:00:00+00', '{"reason": "b"}', 2)`)
	ask := []order.RawEvent{
		{Position: 1, Type: "Cancelled", Payload: []byte(`{"motive":"a"}`)},
		{Position: 1, Type: "Cancelled", Payload: []byte(`{"motive": "x"}`)},
		{Position: 2, Type: "OrderCanceled", Payload: []byte(`{"reason": "y"}`)},
		{Position: 3, Type: "OrderCanceled", Payload: []byte(`{"reason": "of no event"}`)},
		{Position: 1, Type: "Cancelled", Payload: []byte(`{"motive": "\u0000"}`)},
	}
	for name, test := range map[string]struct{ payload, eventType, want string }{
		"a column": {"payload", "event_type", "[] [] [] [] []"},
		"an expression": {
			`CASE WHEN v = 1 THEN jsonb_build_object('reason', payload->'motive') ELSE payload END`, "event_type",
			`[Cancelled {"reason": "a"} true] [Cancelled {"reason": "x"} false] [OrderCanceled {"reason": "y"} false] [] []`,
		},
		"for the type too": {
			`CASE WHEN event_type = 'Cancelled' THEN jsonb_build_object('reason', payload->'motive') ELSE payload END`,
			`CASE event_type WHEN 'Cancelled' THEN 'OrderCanceled' ELSE event_type END`,
			`[OrderCanceled {"reason": "a"} true] [OrderCanceled {"reason": "x"} false] [OrderCanceled {"reason": "y"} false] [] []`,
		},
		"what is stored twice": { // the message is not what is read
			`coalesce(meta, payload)`, `event_type`,
			`[Cancelled {"w": 1} true Cancelled {"motive": "a"} false] [Cancelled {"w": 1} false Cancelled {"motive": "x"} false] [OrderCanceled {"w": 1} false OrderCanceled {"reason": "y"} false] [] []`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := stored
			c.Payload, c.Type = test.payload, test.eventType
			found, err := openEvents(t, c).Upcast(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ways := range found {
				says := []string{}
				for _, e := range ways {
					says = append(says, fmt.Sprintf("%s %s %t", e.Event.Type, e.Event.Payload, e.AsStored))
				}
				got = append(got, fmt.Sprint(says))
			}
			if s := fmt.Sprint(got); s != "["+test.want+"]" {
				t.Errorf("got  %s\nwant [%s]", s, test.want)
			}
		})
	}
}
