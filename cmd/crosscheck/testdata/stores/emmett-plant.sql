CREATE TEMP TABLE lost AS SELECT l.order_id, max(stream_position) AS v FROM legacy_orders l JOIN emt_messages ON stream_id = 'order-' || order_id
	WHERE state = 'FILLED' GROUP BY 1 HAVING count(*) FILTER (WHERE message_type = 'OrderExecuted') >= 2 ORDER BY 1 LIMIT 1;
WITH d AS (DELETE FROM emt_messages e USING lost WHERE stream_id = 'order-' || order_id AND stream_position = v RETURNING order_id, v, message_data AS j)
UPDATE order_view p SET state = 'PARTIAL', done = p.done - (j->>'quantity')::int,
	avg_px = (p.avg_px * p.done - (j->>'quantity')::int * (j#>>'{price,amount}')::numeric) / (p.done - (j->>'quantity')::int),
	updated_at = (SELECT created FROM emt_messages e WHERE stream_id = 'order-' || d.order_id AND stream_position = v - 1)
FROM d WHERE p.order_id = d.order_id;
CREATE TEMP TABLE stale AS SELECT l.order_id, max(stream_position) AS v FROM legacy_orders l JOIN emt_messages ON stream_id = 'order-' || order_id
	WHERE state = 'CANCELLED' GROUP BY 1 ORDER BY 1 LIMIT 1;
UPDATE order_view p SET state = 'NEW', updated_at = (SELECT created FROM emt_messages WHERE stream_id = 'order-' || s.order_id AND stream_position = v - 1)
FROM stale s WHERE p.order_id = s.order_id;
