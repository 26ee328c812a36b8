package source_test

import (
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// TestDoctorNamesWhatChecksCannotRead has what no question about types or privileges shows.
func TestDoctorNamesWhatChecksCannotRead(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(*patient)
		want []expectation
	}{
		{"a cast that fails for one row", func(p *patient) {
			p.exec(p.legacy, "ALTER TABLE orders ALTER price TYPE text; INSERT INTO orders VALUES (2, 'OPEN', 'n/a', '2020-01-01Z')")
			p.exec(p.projection, "ALTER TABLE orders ALTER price TYPE numeric")
			p.config[0].Fields = []source.Field{field("status", order.Text), {Field: order.Field{Name: "price", Type: order.Numeric}, Expr: "price::numeric"}}
		}, []expectation{
			problem("legacy", "reads", `reading rows by key: the row with key "2": invalid input syntax for type numeric`, "repair the row, or let the expression"),
			problem("legacy", "reads", `digesting rows: the row with key "2": invalid input syntax for type numeric: "n/a"`, "repair the row"),
		}},
		{"a function that writes", func(p *patient) {
			p.exec(p.projection, `CREATE TABLE log (line text); CREATE FUNCTION public.noted(text) RETURNS text LANGUAGE sql SECURITY DEFINER
				AS 'INSERT INTO public.log VALUES ($1) RETURNING line'`)
			p.config[1].Fields = []source.Field{{Field: order.Field{Name: "status", Type: order.Text}, Expr: "public.noted(status)"}, field("price", order.Numeric)}
		}, []expectation{
			warning("projection", "identity", "crosscheck cannot tell what function public.noted reads", "declare it IMMUTABLE"),
			problem("projection", "reads", "reading rows by key: cannot execute INSERT in a read-only transaction", ""),
			problem("projection", "reads", "digesting rows: cannot execute INSERT in a read-only transaction", ""),
		}},
		{"too many values to count by", func(p *patient) {
			p.exec(p.legacy, "INSERT INTO orders SELECT i, i, 1, now() FROM generate_series(2, 1500) AS i")
			p.config[0].GroupBy = "status"
		}, []expectation{problem("legacy", "reads", "digesting rows: more than 1000 different values", "compare.group_by")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			c.harm(p)
			p.expect(c.want...)
		})
	}
}

// TestDoctorNamesWhatChecksCannotReadOfEvents is the same for the event store and legacy's record.
func TestDoctorNamesWhatChecksCannotReadOfEvents(t *testing.T) {
	for name, test := range map[string]struct {
		harm func(*chronicle)
		want expectation
	}{
		"a column that only messages of old versions need": {func(c *chronicle) {
			c.exec("REVOKE SELECT ON event_store FROM " + c.role + "; ALTER TABLE event_store ADD note text")
			c.exec("GRANT SELECT (event_id, order_id, event_type, timestamp, payload) ON event_store TO " + c.role)
			c.events.Payload = "payload || '{}'"
		}, problem("events", "reads", "reading a message as a stored event: permission denied for table event_store", "SELECT")},
		"an audit log whose key fails for one line": {func(c *chronicle) {
			c.exec("ALTER TABLE audit_log ALTER entity_id TYPE text; INSERT INTO audit_log VALUES ('none')")
			c.history.AuditLog = `(SELECT entity_id::bigint, "timestamp", field_changed, old_value, new_value FROM public.audit_log)`
		}, problem("history", "reads", `reading history.audit_log: invalid input syntax for type bigint: "none"`, "repair the row")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChronicle(t)
			test.harm(c)
			got := c.diagnose()
			if !slices.ContainsFunc(got, test.want.metBy) {
				t.Errorf("not found: %+v in %+v", test.want, got)
			}
		})
	}
}
