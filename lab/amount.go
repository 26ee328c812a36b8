package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// amount is a quantity or a price in ten-thousandths. It is exact, like the numeric(18,4) columns in the databases.
type amount int64

const unit amount = 10_000

// String prints the amount as PostgreSQL prints a numeric(18,4).
func (a amount) String() string {
	sign := ""
	if a < 0 {
		sign, a = "-", -a
	}
	return fmt.Sprintf("%s%d.%04d", sign, a/unit, a%unit)
}

// MarshalJSON writes a JSON number with all four decimals.
func (a amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// parseAmount reads what String prints.
func parseAmount(s string) (amount, error) {
	digits := strings.Replace(s, ".", "", 1)
	if i := strings.IndexByte(s, '.'); i < 0 || len(s)-i != 5 {
		return 0, fmt.Errorf("reading amount %q: want four decimals", s)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading amount: %w", err)
	}
	return amount(n), nil
}
