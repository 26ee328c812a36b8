-- The last fill of one order is lost: legacy has it, and the projection is as it was before. The cancel of another is in the store,
-- and the projection has not applied it.
CREATE TEMP TABLE lost AS SELECT order_id, max(position) AS position FROM desk.events
	GROUP BY order_id HAVING array_agg(kind ORDER BY version) = '{created,modified,partly,filled}' ORDER BY order_id LIMIT 1;
CREATE TEMP TABLE stale AS SELECT order_id, max(position) AS position FROM desk.events
	GROUP BY order_id HAVING array_agg(kind ORDER BY version) = '{created,partly,modified,canceled}' ORDER BY order_id LIMIT 1;
UPDATE public.order_view p SET status = s.status, filled_quantity = s.filled_quantity, avg_fill_price = s.avg_fill_price, updated_at = s.updated_at
FROM (TABLE lost UNION ALL TABLE stale) planted JOIN desk.events e USING (position) JOIN desk.states s ON s.order_id = e.order_id AND s.version = e.version - 1
WHERE p.order_id = s.order_id;
