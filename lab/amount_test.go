package lab

import (
	"testing"

	"pgregory.net/rapid"
)

func TestAmountSurvivesItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := amount(rapid.Int64Range(-1e17, 1e17).Draw(t, "amount"))
		got, err := parseAmount(a.String())
		if err != nil || got != a {
			t.Fatalf("%d became %q and then %d (%v)", a, a, got, err)
		}
	})
}

func TestAmountPrintsAsPostgreSQLDoes(t *testing.T) {
	for a, want := range map[amount]string{0: "0.0000", 5: "0.0005", -5: "-0.0005", 10_000: "1.0000", 123_456_789: "12345.6789"} {
		if got := a.String(); got != want {
			t.Errorf("%d prints as %s, want %s", int64(a), got, want)
		}
	}
	for _, bad := range []string{"", "1", "1.0", "1.00000", "x.0000", "1..000"} {
		if _, err := parseAmount(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
