CREATE TEMP TABLE lost AS SELECT order_id, max(global_position) AS v FROM legacy_orders JOIN message_store.messages ON stream_name = 'order-' || order_id
	WHERE state = 'FILLED' GROUP BY 1 HAVING count(*) FILTER (WHERE type = 'Executed') >= 2 ORDER BY 1 LIMIT 1;
WITH d AS (DELETE FROM message_store.messages USING lost WHERE global_position = v RETURNING order_id, v, data)
UPDATE order_view p SET state = 'PARTIAL', done = p.done - (data->>'lastQty')::int,
	avg_px = (p.avg_px * p.done - (data->>'lastQty')::int * (data#>>'{lastPx,amount}')::numeric / 10000) / (p.done - (data->>'lastQty')::int),
	updated_at = (SELECT max(time) AT TIME ZONE 'utc' FROM message_store.messages WHERE stream_name = 'order-' || d.order_id AND global_position < v)
FROM d WHERE p.order_id = d.order_id;
CREATE TEMP TABLE stale AS SELECT order_id, max(global_position) AS v FROM legacy_orders JOIN message_store.messages ON stream_name = 'order-' || order_id
	WHERE state = 'CANCELLED' GROUP BY 1 ORDER BY 1 LIMIT 1;
UPDATE order_view p SET state = 'NEW', updated_at = (SELECT max(time) AT TIME ZONE 'utc' FROM message_store.messages
	WHERE stream_name = 'order-' || s.order_id AND global_position < v) FROM stale s WHERE p.order_id = s.order_id;
