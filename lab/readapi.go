package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ReadAPI is what clients of the system ask: one order, or a page of orders by their ids, of either side.
//
//	GET /legacy/orders/17              GET /new/orders/17
//	GET /legacy/orders?from=17         GET /new/orders?from=17
//
// Without a fault both sides answer the same, apart from the member etag.
type ReadAPI struct {
	legacy, events *pgxpool.Pool

	mu     sync.Mutex
	faults []string // of the new side
}

// ReadFault is one way in which the new read path goes wrong, although the projection is right.
type ReadFault struct {
	Name  string
	About string // one sentence, for people
}

// The faults of the new read path.
const (
	slowNewRead = "slow_new_read"
	wrongSort   = "wrong_sort"
	missingPage = "missing_page"
	staleCache  = "stale_cache"
)

// ReadFaults lists the faults of the new read path. Plant causes them, for all orders.
func ReadFaults() []ReadFault {
	return []ReadFault{
		{slowNewRead, "the new read path waits for 20 ms before it answers"},
		{wrongSort, "the new read path sorts a page by the time of the last change, and not by id"},
		{missingPage, "the new read path answers one page in three as if it were empty"},
		{staleCache, "the new read path answers from a cache that nobody refreshes"},
	}
}

func isReadFault(name string) bool {
	return slices.ContainsFunc(ReadFaults(), func(f ReadFault) bool { return f.Name == name })
}

const (
	readTimeout = 10 * time.Second
	slowRead    = 20 * time.Millisecond
	pageOrders  = 20
	readColumns = "order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, avg_fill_price, created_at, updated_at"
	cacheTable  = "read_cache"
)

// plant breaks the new side.
func (a *ReadAPI) plant(ctx context.Context, name string) error {
	if name == staleCache {
		if _, err := a.events.Exec(ctx, "DROP TABLE IF EXISTS "+cacheTable+"; CREATE TABLE "+cacheTable+" AS SELECT * FROM current_orders"); err != nil {
			return fmt.Errorf("filling the cache: %w", err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, name)
	return nil
}

func (a *ReadAPI) repair(ctx context.Context) error {
	a.mu.Lock()
	cached := slices.Contains(a.faults, staleCache)
	a.faults = nil
	a.mu.Unlock()
	if !cached {
		return nil
	}
	if _, err := a.events.Exec(ctx, "DROP TABLE IF EXISTS "+cacheTable); err != nil {
		return fmt.Errorf("emptying the cache: %w", err)
	}
	return nil
}

func (a *ReadAPI) has(fault string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.faults, fault)
}

// ServeHTTP implements http.Handler.
func (a *ReadAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{side}/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		a.answer(w, r, "SELECT row_to_json(o)::jsonb || jsonb_build_object('etag', clock_timestamp()) FROM (SELECT "+readColumns+" FROM %s WHERE order_id = $1) AS o", r.PathValue("id"))
	})
	mux.HandleFunc("GET /{side}/orders", func(w http.ResponseWriter, r *http.Request) {
		sort := "order_id"
		if r.PathValue("side") == "new" && a.has(wrongSort) {
			sort = "updated_at DESC, order_id DESC"
		}
		a.answer(w, r, "SELECT coalesce(json_agg(o ORDER BY "+sort+"), '[]') FROM (SELECT "+readColumns+" FROM %s WHERE order_id >= $1 ORDER BY order_id LIMIT "+
			strconv.Itoa(pageOrders)+") AS o", r.URL.Query().Get("from"))
	})
	mux.ServeHTTP(w, r)
}

// answer asks a side, with the table in the statement.
func (a *ReadAPI) answer(w http.ResponseWriter, r *http.Request, statement, id string) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	pool, table := a.legacy, "orders"
	switch r.PathValue("side") {
	case "legacy":
	case "new":
		pool, table = a.events, "current_orders"
		if a.has(staleCache) {
			table = cacheTable
		}
		if a.has(slowNewRead) {
			select {
			case <-time.After(slowRead):
			case <-ctx.Done():
			}
		}
	default:
		http.NotFound(w, r)
		return
	}
	key, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		http.Error(w, "no id of an order", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.PathValue("side") == "new" && r.PathValue("id") == "" && key%3 == 0 && a.has(missingPage) {
		_, _ = w.Write([]byte("[]")) // a client that is gone needs no answer
		return
	}
	var body []byte
	err = pool.QueryRow(ctx, fmt.Sprintf(statement, table), key).Scan(&body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
	default:
		_, _ = w.Write(body) // as above
	}
}
