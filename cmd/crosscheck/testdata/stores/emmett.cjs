// Writes orders with the library Emmett into the database of the DSN, and beside them legacy's table.
const { createRequire } = require("node:module");
const [dsn, folder] = process.argv.slice(2);
const load = createRequire(folder + "/package.json");
const { getPostgreSQLEventStore } = load("@event-driven-io/emmett-postgresql");
const { Client } = load("pg");

let seed = 3;
const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const between = (from, to) => from + Math.floor(random() * (to - from + 1));
const money = (units) => `${Math.floor(units / 10000)}.${String(units % 10000).padStart(4, "0")}`;

async function write() {
  const db = new Client({ connectionString: dsn });
  await db.connect();
  const store = getPostgreSQLEventStore(dsn);
  await db.query(`create table public.legacy_orders (order_id uuid primary key, side text, qty int, limit_price numeric(18,4), state text,
    done int, avg_px numeric(18,6), created_at timestamptz, updated_at timestamptz)`);
  const put = async (stream, type, data) => {
    await store.appendToStream(stream, [{ type, data }]);
    const q = "select created::text as at from emt_messages where stream_id = $1 order by stream_position desc limit 1";
    return (await db.query(q, [stream])).rows[0].at;
  };
  for (let i = 0; i < 40; i++) {
    const id = `00000000-0000-4000-8000-${String(between(1, 1e9)).padStart(12, "0")}`;
    const stream = `order-${id}`, side = random() < 0.5 ? "Buy" : "Sell", qty = between(1, 900);
    let price = between(1000, 9000000), done = 0, notional = 0n, state = "NEW";
    const placed = await put(stream, "OrderPlaced", { orderId: id, side, quantity: qty, limit: { amount: money(price), currency: "SEK" } });
    let at = placed;
    if (random() < 0.4) {
      price = between(1000, 9000000);
      at = await put(stream, "OrderRepriced", { limit: { amount: money(price), currency: "SEK" } });
    }
    while (done < qty && random() < 0.7) {
      const k = Math.min(qty - done, between(1, 500));
      done += k;
      notional += BigInt(k) * BigInt(price);
      at = await put(stream, "OrderExecuted", { quantity: k, price: { amount: money(price), currency: "SEK" }, leaves: qty - done });
      state = done === qty ? "FILLED" : "PARTIAL";
    }
    if (state === "NEW" && random() < 0.5) {
      at = await put(stream, "OrderCancelled", {});
      state = "CANCELLED";
    }
    await put(`account-${i % 5}`, "OrderNoted", { orderId: id });
    await db.query("insert into public.legacy_orders values ($1, $2, $3, $4, $5, $6::int, round($7::numeric / 10000 / nullif($6::int, 0), 6), $8, $9)",
      [id, side, qty, money(price), state, done, notional.toString(), placed, at]);
  }
  await store.close();
  await db.end();
}

write().catch((error) => { console.error(error); process.exit(1); });
