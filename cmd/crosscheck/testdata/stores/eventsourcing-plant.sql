CREATE TEMP TABLE lost AS SELECT order_id, max(originator_version) AS v FROM legacy_orders JOIN desk_events ON originator_id = order_id
	WHERE legacy_orders.state = 'done' GROUP BY 1 HAVING count(*) FILTER (WHERE topic LIKE '%Executed') >= 2 ORDER BY 1 LIMIT 1;
WITH d AS (DELETE FROM desk_events e USING lost WHERE originator_id = order_id AND originator_version = v RETURNING order_id, v, convert_from(e.state, 'UTF8')::jsonb AS j)
UPDATE order_view p SET state = 'working', done = p.done - (j#>>'{qty,_data_}')::numeric,
	avg_px = (p.avg_px * p.done - (j#>>'{qty,_data_}')::numeric * (j#>>'{price,_data_}')::numeric) / (p.done - (j#>>'{qty,_data_}')::numeric),
	updated_at = (SELECT (convert_from(e.state, 'UTF8')::jsonb#>>'{timestamp,_data_}')::timestamptz FROM desk_events e WHERE originator_id = d.order_id AND originator_version = v - 1)
FROM d WHERE p.order_id = d.order_id;
CREATE TEMP TABLE stale AS SELECT order_id, max(originator_version) AS v FROM legacy_orders JOIN desk_events ON originator_id = order_id
	WHERE legacy_orders.state = 'cancelled' GROUP BY 1 ORDER BY 1 LIMIT 1;
UPDATE order_view p SET state = 'new', updated_at = (SELECT (convert_from(e.state, 'UTF8')::jsonb#>>'{timestamp,_data_}')::timestamptz
	FROM desk_events e WHERE originator_id = s.order_id AND originator_version = v - 1) FROM stale s WHERE p.order_id = s.order_id;
