package lab_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/lab"
)

// TestTheProjectorEndsWhileEventsComeIn stores an event with each step of the projector, as a desk that trades fast does: the
// next step has it, and not this one.
func TestTheProjectorEndsWhileEventsComeIn(t *testing.T) {
	t.Parallel()
	l := up(t, nil, lab.Options{History: lab.History{Orders: 20}})
	const event = `INSERT INTO event_store (order_id, event_type, timestamp, payload) SELECT min(order_id), 'OrderCanceled', now(), '{"reason": null}' FROM event_store`
	typeIn(t, l.EventsDSN, `CREATE FUNCTION go_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+event+`; RETURN NULL; END $$;
		CREATE TRIGGER go_on AFTER UPDATE ON projector FOR EACH ROW EXECUTE FUNCTION go_on(); `+event)
	for range 2 {
		before := number(t, l.EventsDSN, "SELECT max(event_id) FROM event_store")
		if err := l.Projector.Project(deadline(t)); err != nil {
			t.Fatal(err)
		}
		if got := number(t, l.EventsDSN, "SELECT position FROM projector"); got != before {
			t.Errorf("the projector is at %d, want %d", got, before)
		}
	}
}
