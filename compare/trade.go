package compare

import (
	"fmt"
	"time"
)

// NewTrade reads a trade from the text that a database prints for its numbers.
func NewTrade(at time.Time, quantity, price string) (Trade, error) {
	q, p := number(quantity), number(price)
	if q == nil || p == nil {
		return Trade{}, fmt.Errorf("a trade of %q at %q: these are not two numbers", quantity, price)
	}
	return Trade{At: at, Quantity: *q, Price: *p}, nil
}
