package bench

import (
	"testing"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// TestStoresHoldTheSameHistories, and are filled once.
func TestStoresHoldTheSameHistories(t *testing.T) {
	ctx := t.Context()
	server := pgtest.Server(t)
	d, err := prepareStores(ctx, server, 1000, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prepareStores(ctx, server, 1000, func(format string, args ...any) { t.Errorf("the second time: "+format, args...) }); err != nil {
		t.Fatal(err)
	}
	for table, events := range map[string]string{
		"named.event_store": "order_id", "message_store.messages": "substr(stream_name, 7)", "public.desk_events": "originator_id",
	} {
		var other int64
		query := "SELECT count(*) FROM (SELECT md5(order_id::text)::uuid::text, count(*) FROM event_store GROUP BY 1 EXCEPT SELECT " + events + "::text, count(*) FROM " + table + " GROUP BY 1) AS o"
		if err := scalar(ctx, d.projection, query, &other); err != nil || other > 0 {
			t.Errorf("%s has %d other histories, %v", table, other, err)
		}
	}
	if d.serverTime(ctx) <= 0 {
		t.Log("the processor time of the server is not known here")
	}
}
