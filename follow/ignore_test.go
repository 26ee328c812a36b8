package follow_test

import (
	"fmt"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestMessagesOfIgnoredTypesArePassedOver: they may have positions and orders of their own numbering, or none. Others of
// unknown types are found.
func TestMessagesOfIgnoredTypesArePassedOver(t *testing.T) {
	const text = `{"event_id":%d,"order_id":%q,"event_type":%q,"timestamp":"2024-01-01T00:00:00Z","payload":{}}`
	for name, test := range map[string]struct{ text, want string }{
		"ignored":                      {fmt.Sprintf(text, 999, "7", "OrderViewed"), ""},
		"ignored, of a stored event":   {fmt.Sprintf(text, 7, "7", "OrderViewed"), ""},
		"ignored, of no order of ours": {fmt.Sprintf(text, 7, "xyz", "OrderViewed"), ""},
		"ignored, of another form":     {`{"event_type":"OrderViewed"}`, ""},
		"unknown":                      {fmt.Sprintf(text, 999, "7", "OrderSeen"), "7 ghost_publish"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, 1)
			var err error
			if s.vocabulary, err = order.NewVocabulary(order.Names{IgnoreTypes: []string{"OrderViewed"}}); err != nil {
				t.Fatal(err)
			}
			s.trade(1, 10)
			s.publishText(0, 7, test.text)
			s.trade(11, 20)
			s.want(20, test.want)
			s.wantCounts(20, 20, 1)
		})
	}
}
