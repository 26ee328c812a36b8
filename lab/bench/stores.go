package bench

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver"
)

//go:embed stores
var storeFiles embed.FS

// storeOrders have about a quarter of a million events.
const storeOrders = 80_000

// eventStore is a schema in which the same histories are kept.
type eventStore struct {
	name, title string
	schema      string // of its orders in both databases
}

// eventStores are the default schema, the same with uuids, and those of the libraries, whose orders are named by uuids.
var eventStores = []eventStore{
	{"orders", "the default schema", "public"},
	{"uuid", "the default schema with uuid keys", "named"},
	{"message-db", "message-db", "named"},
	{"eventsourcing", "Python eventsourcing", "named"},
}

// section returns the lines of the section events without its DSN.
func (s eventStore) section() (string, error) {
	switch s.name {
	case "orders":
		return "", nil
	case "uuid":
		return "  table: named.event_store\n", nil
	}
	return s.file(".yaml")
}

func (s eventStore) file(extension string) (string, error) {
	text, err := storeFiles.ReadFile("stores/" + s.name + extension)
	return string(text), err
}

// named makes copies of the orders that are named by uuids.
const named = `CREATE SCHEMA named; CREATE TABLE named.%[1]s AS SELECT md5(order_id::text)::uuid AS order_id, trader_id, symbol, side, quantity, price, status,
		filled_quantity, avg_fill_price, created_at, updated_at FROM public.%[1]s;
	ALTER TABLE named.%[1]s ADD PRIMARY KEY (order_id); CREATE INDEX ON named.%[1]s (updated_at)`

// prepareStores makes sure that histories of so many orders exist in all schemas.
func prepareStores(ctx context.Context, server *pgserver.Server, orders int64, log func(string, ...any)) (*dataset, error) {
	return prepareHistories(ctx, server, "stores", orders, eventStores, log)
}

// prepareEvents makes sure that histories of so many orders exist in the default schema.
func prepareEvents(ctx context.Context, server *pgserver.Server, orders int64, log func(string, ...any)) (*dataset, error) {
	return prepareHistories(ctx, server, "events", orders, eventStores[:1], log)
}

func prepareHistories(ctx context.Context, server *pgserver.Server, kind string, orders int64, stores []eventStore, log func(string, ...any)) (*dataset, error) {
	legacy, events := fmt.Sprintf("%s_legacy_%d", kind, orders), fmt.Sprintf("%s_events_%d", kind, orders)
	d := &dataset{legacy: server.DSN(legacy), projection: server.DSN(events)}
	ready, err := isReady(ctx, d.legacy)
	if err != nil {
		return nil, err
	}
	if !ready {
		began := time.Now()
		for _, name := range []string{legacy, events} {
			if err := createDatabase(ctx, server.DSN("postgres"), name); err != nil {
				return nil, err
			}
		}
		if err := d.generateStores(ctx, orders, stores[1:]); err != nil {
			return nil, err
		}
		log("generated histories of %d orders in %d schemas in %s", orders, len(stores), time.Since(began).Round(time.Second))
	}
	if err := d.warm(ctx); err != nil {
		return nil, err
	}
	return d, d.count(ctx)
}

func (d *dataset) generateStores(ctx context.Context, orders int64, libraries []eventStore) error {
	ids := int64(float64(orders)/(1-gaps) + 0.5)
	if err := lab.Generate(ctx, d.legacy, d.projection, lab.History{Orders: ids, Events: true, Seed: 1, End: historyEnd}); err != nil {
		return err
	}
	if err := execute(ctx, d.projection, fmt.Sprintf(named, "current_orders")); err != nil {
		return err
	}
	for _, s := range libraries {
		sql, err := s.file(".sql")
		if err != nil {
			return err
		}
		if err := execute(ctx, d.projection, sql); err != nil {
			return fmt.Errorf("filling %s: %w", s.title, err)
		}
	}
	if err := execute(ctx, d.projection, "VACUUM (ANALYZE)", "CHECKPOINT"); err != nil {
		return err
	}
	return execute(ctx, d.legacy, fmt.Sprintf(named, "orders"), "VACUUM (ANALYZE)", "CREATE SCHEMA bench; CREATE TABLE bench.ready ()")
}

// configureStore writes the configuration of a store, and returns its file.
func (p program) configureStore(s eventStore, d *dataset) (string, error) {
	section, err := s.section()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `legacy: {dsn: %[1]q, table: %[3]s.orders, key: order_id, changed_at: updated_at}
projection: {dsn: %[2]q, table: %[3]s.current_orders, key: order_id, changed_at: updated_at}
ledger: {dsn: %[2]q, schema: %[4]q}
events:
  dsn: %[2]q
%[5]scompare:
  settle: {window: 0s}
  group_by: status
  fields:
`, d.legacy, d.projection, s.schema, ledgerSchema("store_"+strings.ReplaceAll(s.name, "-", "_")), section)
	for _, c := range allFields.columns {
		fmt.Fprintf(&b, "    - {name: %s, type: %s}\n", c.name, c.kind)
	}
	file := filepath.Join(p.folder, "store-"+s.name+".yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("writing a configuration: %w", err)
	}
	return file, nil
}

// stores measures full verification of the same histories in all schemas.
func (b *bench) stores(ctx context.Context) error {
	d := b.histories
	b.Log("verify of the same histories in %d schemas:", len(eventStores))
	work := make([]sample, len(eventStores)) // processor time
	var contenders []contender
	for i, s := range eventStores {
		config, err := b.crosscheck.configureStore(s, d)
		if err != nil {
			return err
		}
		verify := func(ctx context.Context) (*pass, error) {
			r, err := b.crosscheck.clean(ctx, config, "verify")
			if err == nil && r.Compared != d.orders {
				err = fmt.Errorf("%w: %d orders of %s compared, and there are %d", ErrWrong, r.Compared, s.title, d.orders)
			}
			return r, err
		}
		if _, err := verify(ctx); err != nil { // this run creates the ledger
			return fmt.Errorf("verifying %s: %w", s.title, err)
		}
		contenders = append(contenders, contender{s.name, func(ctx context.Context) (time.Duration, error) {
			before := d.serverTime(ctx)
			r, err := verify(ctx)
			if err != nil {
				return 0, err
			}
			work[i] = append(work[i], r.work+d.serverTime(ctx)-before)
			return r.wall, nil
		}})
	}
	var events int64
	if err := scalar(ctx, d.projection, "SELECT count(*) FROM public.event_store", &events); err != nil {
		return err
	}
	samples, err := interleave(ctx, b.Runs, b.Log, contenders)
	if err != nil {
		return err
	}
	b.report.stores(events, samples, work)
	return nil
}
