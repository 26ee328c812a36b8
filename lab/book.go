package lab

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// The states of an order.
const (
	statusOpen            = "OPEN"
	statusPartiallyFilled = "PARTIALLY_FILLED"
	statusFilled          = "FILLED"
	statusCanceled        = "CANCELED"
)

// workingOrder is what the desk knows of an order that can still change.
type workingOrder struct {
	id              int64
	trader          int32
	symbol, side    string
	quantity, price amount
	filled          amount
	status          string
	updatedAt       time.Time
}

func (o workingOrder) working() bool {
	return o.status == statusOpen || o.status == statusPartiallyFilled
}

// book holds the orders that no worker uses. A worker that takes an order has it alone until it puts it back, so that
// one order's legacy rows and events are written in one sequence. An order that is never put back is frozen.
type book struct {
	mu     sync.Mutex
	orders []workingOrder
}

// take removes a random order.
func (b *book) take(random *rand.Rand) (workingOrder, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.orders) == 0 {
		return workingOrder{}, false
	}
	return b.removeLocked(random.IntN(len(b.orders))), true
}

// takeUntouched removes an order that is open and has no fill. It prefers new orders.
func (b *book) takeUntouched() (workingOrder, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, o := range slices.Backward(b.orders) {
		if o.status == statusOpen {
			return b.removeLocked(i), true
		}
	}
	return workingOrder{}, false
}

// takeOrder removes the order with this id. It reports false if the book does not have it: it is over, or a worker uses it.
func (b *book) takeOrder(id int64) (workingOrder, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.orders, func(o workingOrder) bool { return o.id == id })
	if i < 0 {
		return workingOrder{}, false
	}
	return b.removeLocked(i), true
}

// put gives an order back. An order that can no longer change leaves the book.
func (b *book) put(o workingOrder) {
	if !o.working() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders = append(b.orders, o)
}

func (b *book) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.orders)
}

func (b *book) removeLocked(i int) workingOrder {
	o := b.orders[i]
	last := len(b.orders) - 1
	b.orders[i] = b.orders[last]
	b.orders = b.orders[:last]
	return o
}
