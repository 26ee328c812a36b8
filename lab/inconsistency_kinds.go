package lab

// inconsistency is one way in which the records of a legacy system go wrong. It happened after the events were written, so
// these say what really happened.
type inconsistency struct {
	kind   string
	suits  string // a condition on an order o; empty: the order does not exist
	happen string // a statement; $1 are the orders
	leaves []string
}

const traded = "o.status = 'FILLED' AND EXISTS (SELECT FROM trades AS t WHERE t.order_id = o.order_id)"

// inconsistencies are of each kind that a legacy system can have. The first one is the lost update: of two writers of a row,
// the second has overwritten what the first one filled.
func inconsistencies() []inconsistency {
	const orders = " WHERE order_id = ANY ($1)"
	return []inconsistency{
		{
			"filled_mismatch", "o.status = 'FILLED' AND (SELECT count(DISTINCT price) FROM trades AS t WHERE t.order_id = o.order_id) > 1",
			`UPDATE orders AS o SET filled_quantity = t.quantity, avg_fill_price = round(t.notional::numeric(38, 8) / t.quantity::numeric(18, 4), 6)
			FROM (SELECT order_id, sum(quantity) AS quantity, sum(quantity * price) AS notional FROM trades AS t
				WHERE order_id = ANY ($1) AND executed_at > (SELECT min(executed_at) FROM trades AS f WHERE f.order_id = t.order_id)
				GROUP BY order_id) AS t
			WHERE t.order_id = o.order_id`,
			[]string{"legacy/filled_mismatch"},
		},
		{"average_mismatch", traded, "UPDATE orders SET avg_fill_price = avg_fill_price + 0.01" + orders, []string{"legacy/average_mismatch"}},
		{"status_mismatch", traded, "UPDATE orders SET status = 'PARTIALLY_FILLED'" + orders, []string{"legacy/status_mismatch"}},
		{
			"broken_chain", traded + " AND EXISTS (SELECT FROM audit_log AS a WHERE a.entity_id = o.order_id)",
			"UPDATE orders SET price = price + 1" + orders,
			[]string{"legacy/broken_chain"},
		},
		{"time_disorder", traded, "UPDATE orders SET updated_at = created_at" + orders, []string{"legacy/time_disorder"}},
		{
			// The log says that the order was canceled before its trade. It was canceled after it.
			"trade_after_cancel", `o.status = 'CANCELED' AND (SELECT count(*) FROM trades AS t WHERE t.order_id = o.order_id AND t.executed_at < o.updated_at) = 1
				AND extract(second FROM o.updated_at) <> 0 AND extract(second FROM o.updated_at - o.created_at) <> 0
				AND (SELECT count(*) FROM trades AS t WHERE t.order_id = o.order_id) = 1`,
			`INSERT INTO audit_log (entity_id, timestamp, field_changed, old_value, new_value)
			SELECT order_id, executed_at - interval '40 seconds', 'status', 'OPEN', 'CANCELED' FROM trades` + orders,
			[]string{"events/event_different/wrong_event_content", "legacy/trade_after_cancel"},
		},
		{
			"negative_quantity", traded, "UPDATE orders SET filled_quantity = - filled_quantity" + orders,
			[]string{"legacy/filled_mismatch", "legacy/negative_quantity"},
		},
		{
			// An execution report was booked twice, with another price.
			"overfill", traded, `WITH last AS (
				SELECT DISTINCT ON (order_id) order_id, executed_at, price FROM trades` + orders + ` ORDER BY order_id, executed_at DESC
			), more AS (
				INSERT INTO trades (order_id, executed_at, quantity, price) SELECT order_id, executed_at - interval '1 second', 1, price + 100 FROM last
				RETURNING order_id, quantity, price
			)
			UPDATE orders AS o SET filled_quantity = o.filled_quantity + m.quantity,
				avg_fill_price = round(((SELECT sum(quantity * price) FROM trades AS t WHERE t.order_id = o.order_id) + m.quantity * m.price)::numeric(38, 8)
					/ (o.filled_quantity + m.quantity)::numeric(18, 4), 6)
			FROM more AS m WHERE m.order_id = o.order_id`, []string{"events/event_missing/lost_shadow_write", "legacy/overfill"},
		},
		{
			"actor_missing", "EXISTS (SELECT FROM audit_log AS a WHERE a.entity_id = o.order_id)",
			"UPDATE audit_log SET changed_by = NULL WHERE entity_id = ANY ($1)",
			[]string{"legacy/actor_missing"},
		},
		{
			"unknown_field", traded, `INSERT INTO audit_log (entity_id, timestamp, field_changed, old_value, new_value)
			SELECT order_id, created_at, 'time_in_force', 'DAY', 'GTC' FROM orders` + orders, []string{"legacy/unknown_field"},
		},
		{
			// A job copies old trades into an archive, and has not removed what it copied. A primary key does not hold over both.
			"duplicate_trade", traded, `INSERT INTO trades_archived (trade_id, order_id, executed_at, quantity, price)
			SELECT DISTINCT ON (order_id) trade_id, order_id, executed_at, quantity, price FROM ONLY trades` + orders + ` ORDER BY order_id, executed_at`,
			[]string{"legacy/duplicate_trade"},
		},
		{
			"trade_without_order", "", `INSERT INTO trades (order_id, executed_at, quantity, price)
			SELECT i, (SELECT created_at FROM orders WHERE order_id < i ORDER BY order_id DESC LIMIT 1), 100, 10 FROM unnest($1::bigint[]) AS i`, []string{"legacy/record_without_order"},
		},
		{
			"line_without_order", "", `INSERT INTO audit_log (entity_id, timestamp, field_changed, old_value, new_value)
			SELECT i, (SELECT created_at FROM orders WHERE order_id < i ORDER BY order_id DESC LIMIT 1), 'price', '10.0000', '10.5000' FROM unnest($1::bigint[]) AS i`,
			[]string{"legacy/record_without_order"},
		},
	}
}

// InconsistencyKinds lists the kinds, in the order in which they are planted.
func InconsistencyKinds() (kinds []string) {
	for _, i := range inconsistencies() {
		kinds = append(kinds, i.kind)
	}
	return kinds
}
