package ledger_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestLedgerInAnotherEncodingRecordsAnyText: what legacy and projection hold may have letters that the ledger's encoding lacks.
func TestLedgerInAnotherEncodingRecordsAnyText(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN1", "SQL_ASCII"} {
		t.Run(encoding, func(t *testing.T) {
			l := migrated(t, pgtest.DatabaseIn(t, encoding))
			legacy, projection := order.Value{Text: "日本 ∑ \u2028 \ufffd \\ufffd é"}, order.Value{Text: "\U0010EFFF\"\\u2028"}
			s := suspects(1)[0]
			s.Observation.Key, s.Observation.Mismatches = "Größe-∑-日本", []compare.Mismatch{{
				Key: "Größe-∑-日本", Kind: compare.Differs, Hop: order.LegacyToProjection,
				Fields: []compare.FieldDifference{{Name: "note", Legacy: &legacy, Projection: &projection}},
			}}
			id := run{verify.Full, "now", t0, verify.Scan{Reason: "∑"}, outcomes([]verify.Suspect{s}, compare.Diverged), compare.Diverged}.in(t, l)
			found, err := l.PassDivergences(t.Context(), id, 10)
			if err != nil || len(found) != 1 {
				t.Fatalf("%v: %v", found, err)
			}
			if diff := cmp.Diff(s.Observation.Mismatches[0], found[0].Mismatch); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAValueThatTheLedgerCannotHoldHidesNoOther: an encoding of several bytes takes no others. It is spelled, and read as it was.
func TestAValueThatTheLedgerCannotHoldHidesNoOther(t *testing.T) {
	t.Parallel()
	l := migrated(t, pgtest.DatabaseIn(t, "EUC_JP"))
	legacy, projection := order.Value{Text: "日本 ☃ é \"\\"}, order.Value{Text: "\U0010EFFF U+2603"}
	all := suspects(2)
	all[0].Observation.Mismatches = []compare.Mismatch{{
		Key: all[0].Key(), Kind: compare.Differs, Hop: order.LegacyToProjection,
		Fields: []compare.FieldDifference{{Name: "note", Legacy: &legacy, Projection: &projection}},
	}}
	id := run{verify.Full, "now", t0, verify.Scan{}, outcomes(all, compare.Diverged), compare.Diverged}.in(t, l)
	found, err := l.PassDivergences(t.Context(), id, 10)
	if err != nil || len(found) != 2 {
		t.Fatalf("%v: %v", found, err)
	}
	if diff := cmp.Diff(all[0].Observation.Mismatches[0], found[0].Mismatch); diff != "" {
		t.Error(diff)
	}
}
