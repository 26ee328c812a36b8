package compare_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

func decimal(t testing.TB, s string) *apd.Decimal {
	t.Helper()
	if s == "" {
		return nil
	}
	d, _, err := apd.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const forty = "1234567890123456789012345678901234567890"

type numberCase struct {
	a, b, tolerance string
	want            bool
	reason          string
}

func numberCases() []numberCase {
	huge := "1" + strings.Repeat("0", 90_000)
	return []numberCase{
		{"1.0", "1.00", "", true, "scale is not value"},
		{"0", "-0.00", "", true, "there is one zero"},
		{"100", "1E+2", "", true, "nor is notation"},
		{"5", "-5", "", false, "sign"},
		{"5", "-5", "9.99", false, "sign, just beyond the tolerance"},
		{"5", "-5", "10", true, "sign, just within"},
		{"1.005", "1.00", "", false, "no tolerance unless asked for"},
		{"1.005", "1.00", "0", false, "nor by a zero tolerance"},
		{"1.005", "1.00", "0.01", true, "within"},
		{"1.01", "1.00", "0.01", true, "at the bound"},
		{"1.0100000000000000000000001", "1.00", "0.01", false, "just beyond the bound"},
		{"0.3", "0.30000000000000004", "", false, "not as doubles see it"},
		{"0.1", "0.3", "0.2", true, "exactly the tolerance, which doubles miss"},
		{forty + ".01", forty + ".02", "", false, "40 digits"},
		{forty + ".01", forty + ".02", "0.009", false, "40 digits beyond the tolerance"},
		{forty + ".01", forty + ".02", "0.01", true, "40 digits at the tolerance"},
		{huge, huge + ".00", "", true, "90,000 digits"},
		{huge, huge + ".01", "0.001", false, "90,000 digits, beyond the tolerance"},
		{"NaN", "NaN", "", true, "NaN is a value in PostgreSQL"},
		{"NaN", "0", "1000", false, "but not a number"},
		{"NaN", "Infinity", "1000", false, "nor infinite"},
		{"Infinity", "Infinity", "", true, "infinity is itself"},
		{"Infinity", "-Infinity", "1000", false, "and has a sign"},
		{"Infinity", huge, "1000", false, "nothing is near infinity"},
		{"1.10", "1.01", "", false, "digits are in other places"},
		{"-1.10", "1.10", "", false, "the sign counts"},
		{"01.0", "1.0", "", true, "a leading zero does not count"},
		{"-0.0", "0.0", "", true, "zero has no sign"},
		{"5.", "5", "", true, "nothing is after the point"},
		{"", "0", "", false, "what is no number equals none"},
		{"", "", "", true, "unless it is the same"},
	}
}

func TestNumbersAreEqualByValue(t *testing.T) {
	for _, test := range numberCases() {
		for _, fieldType := range []order.FieldType{order.Numeric, order.Integer} {
			f := order.Field{Type: fieldType, Tolerance: decimal(t, test.tolerance)}
			if got := compare.Equal(f, text(test.a), text(test.b)); got != test.want {
				t.Errorf("%.50s and %.50s within %q as %s: equal is %v (%s)", test.a, test.b, test.tolerance, fieldType, got, test.reason)
			}
		}
	}
}

type textCase struct {
	a, b order.Value
	want bool
}

func textCases() []textCase {
	return []textCase{
		{order.Null, order.Null, true},
		{order.Null, text(""), false},
		{order.Null, text("0"), false},
		{text("NULL"), order.Null, false},
		{text("x"), text("x"), true},
		{text("x"), text("x "), false},
		{text("x"), text("X"), false},
		{text("\u00e4"), text("a\u0308"), false},
	}
}

func TestAllElseIsEqualByText(t *testing.T) {
	for _, fieldType := range order.FieldTypes() {
		f := order.Field{Type: fieldType}
		for _, test := range textCases() {
			if got := compare.Equal(f, test.a, test.b); got != test.want {
				t.Errorf("%+v and %+v as %s: equal is %v", test.a, test.b, fieldType, got)
			}
		}
		if numeric := fieldType == order.Numeric || fieldType == order.Integer; compare.Equal(f, text("1.0"), text("1.00")) != numeric {
			t.Errorf("1.0 and 1.00 as %s: equal is %v", fieldType, !numeric)
		}
	}
}

// TestDriftsAreEqualExactlyWithinTheTolerance counts in units of 10^-20, in integers.
func TestDriftsAreEqualExactlyWithinTheTolerance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Int64().Draw(t, "base")
		drift := rapid.Int64Range(-1000, 1000).Draw(t, "drift")
		tolerance := rapid.Int64Range(0, 1000).Draw(t, "tolerance")
		if base > 0 == (drift > 0) {
			drift = -drift // so that the sum stays an int64
		}
		f := order.Field{Type: order.Numeric, Tolerance: apd.New(tolerance, -20)}
		a, b := apd.New(base, -20), apd.New(base+drift, -20)
		if got, want := compare.Equal(f, text(a.Text('f')), text(b.Text('f'))), max(drift, -drift) <= tolerance; got != want {
			t.Errorf("%s and %s within %s: equal is %v", a, b, f.Tolerance, got)
		}
	})
}
