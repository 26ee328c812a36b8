package lab

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// floatPayload: the producer keeps prices in a single-precision float. Seven digits are enough until a price has nine.
// Repair modifies the order again.
var floatPayload = Fault{
	Name:  "float_payload",
	About: "a price is converted to a float before it is put into the event, and loses its last digits",
	Hop:   LegacyToEvents,
	Cause: "float_rounding",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			price, float, err := lossy(o.price + 12_000*unit)
			if err != nil {
				return err
			}
			x := modify(o, price, 0, l.Desk.after(o))
			x.event.float = float
			l.amendLater(x.after)
			return l.Desk.write(ctx, x)
		})
		return plantedAll(orders, Differs, "price"), err
	},
}

// lossy returns a price that a float cannot keep, and the float's value of it. The price is the given one or a little
// above it, and below 100,000. JSON writes the fewest digits that identify the float. A float of whole cents would look
// like a column of two decimals.
func lossy(price amount) (amount, float32, error) {
	for ; ; price++ {
		f, err := strconv.ParseFloat(price.String(), 32)
		if err != nil {
			return 0, 0, fmt.Errorf("reading a price as float: %w", err)
		}
		kept := strconv.FormatFloat(f, 'f', -1, 32)
		_, decimals, _ := strings.Cut(kept, ".")
		if kept != strings.TrimRight(price.String(), "0") && len(decimals) > 2 {
			return price, float32(f), nil
		}
	}
}
