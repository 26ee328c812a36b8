package history_test

import (
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// TestValuesAreComparedAsTheirFieldsAre: what a comparison calls the same is no finding of an audit.
func TestValuesAreComparedAsTheirFieldsAre(t *testing.T) {
	for _, v := range vocabularies(t) {
		a := auditor(t, v)
		row, record := clean()
		events := told(t, v.rules, a.Speaker, a.Reconstruct(row, record))
		set(&row, "price", "10.5004")
		set(&row, "avg_fill_price", "10.3004")
		record.Audit[1].Old.Text = "10.4003"
		audit := func(tolerance string) int {
			d, _, _ := apd.NewFromString(tolerance)
			a.Compared = []order.Field{{Name: "price", Type: order.Numeric, Tolerance: d}, {Name: "avg_fill_price", Type: order.Numeric, Tolerance: d}}
			a.Speaker, _ = history.NewSpeaker(v.spec, a.Schema)
			got := a.Audit(history.Case{Row: row, Record: record, Events: events})
			return len(got.Legacy) + len(got.Deviants) + len(got.Moments) + len(got.Ends)
		}
		if within, beyond := audit("0.0005"), audit("0.0001"); within > 0 || beyond < 6 {
			t.Errorf("%s: %d findings within the tolerance, %d beyond it", v.name, within, beyond)
		}
	}
}

// TestTheAuditLogWritesTimesAndTruthsInItsOwnWay compares them by what they mean.
func TestTheAuditLogWritesTimesAndTruthsInItsOwnWay(t *testing.T) {
	for _, test := range []struct {
		kind      order.FieldType
		row, log  string
		different bool
	}{
		{order.Timestamptz, "2025-03-01 09:30:00+00", "2025-03-01T10:30:00+01:00", false},
		{order.Timestamptz, "2025-03-01 09:30:00.5+00", "2025-03-01 09:30:00.500+00", false},
		{order.Timestamptz, "2025-03-01 09:30:00+00", "2025-03-01 09:30:01+00", true},
		{order.Boolean, "true", "t", false},
		{order.Boolean, "true", "f", true},
		{order.UUID, "0B9B1C4E-7A5D-4E0D-9D2B-6A5B7F0C1D2E", "0b9b1c4e-7a5d-4e0d-9d2b-6a5b7f0c1d2e", false},
		{order.Text, "true", "t", true},
	} {
		v := vocabularies(t)[0]
		s := history.Schema{Fields: fields, Rules: v.rules, Compared: []order.Field{{Name: "price", Type: test.kind}}}
		row, record := clean()
		set(&row, "price", test.row)
		record.Audit[1].New.Text = test.log
		findings := s.Reconstruct(row, record).Findings
		if (len(findings) > 0) != test.different {
			t.Errorf("%s and %s as %s: %+v", test.row, test.log, test.kind, findings)
		}
	}
}
