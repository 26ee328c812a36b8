-- What a trading desk did, in no store's form: a store's file writes it as the store does. Beside it legacy's table.
CREATE SCHEMA desk;
CREATE TABLE desk.events AS
WITH scripts (script, kinds) AS (VALUES
	(0, '{created}'::text[]), (1, '{created,modified}'), (2, '{created,partly}'), (3, '{created,modified,partly,filled}'),
	(4, '{created,partly,filled}'), (5, '{created,canceled}'), (6, '{created,partly,modified,canceled}'), (7, '{created,filled}')),
steps AS (
	SELECT n, md5('order ' || n)::uuid AS order_id, version, kind, CASE n % 3 WHEN 0 THEN 'SELL' ELSE 'BUY' END AS side,
		100 + 10 * n + 50 * count(*) FILTER (WHERE kind = 'modified') OVER events AS qty,
		20 + n * 0.125 + 0.5 * count(*) FILTER (WHERE kind = 'modified') OVER events AS price
	FROM generate_series(1, 40) n JOIN scripts ON script = n % 8 CROSS JOIN unnest(kinds) WITH ORDINALITY steps (kind, version)
	WINDOW events AS (PARTITION BY n ORDER BY version))
SELECT row_number() OVER (ORDER BY version, n) AS position, md5('event ' || n || ' ' || version)::uuid AS id, order_id, version, kind, side, qty, price,
	CASE kind WHEN 'partly' THEN 40 WHEN 'filled' THEN qty - 40 * count(*) FILTER (WHERE kind = 'partly') OVER (PARTITION BY n ORDER BY version) END AS last_qty,
	CASE WHEN kind IN ('partly', 'filled') THEN price + version * 0.01 END AS last_px,
	timestamptz '2026-03-02 09:00:00.125+00' + version * interval '90.007 s' + n * interval '1 s' AS at
FROM steps;
CREATE TABLE desk.states AS
SELECT position, order_id, version, side, qty AS quantity, price,
	CASE WHEN kind = 'canceled' THEN 'CANCELED' WHEN sum(last_qty) OVER events = qty THEN 'FILLED' WHEN sum(last_qty) OVER events > 0 THEN 'PARTIALLY_FILLED' ELSE 'OPEN' END AS status,
	coalesce(sum(last_qty) OVER events, 0)::numeric AS filled_quantity,
	round(sum(last_qty * last_px) OVER events / sum(last_qty) OVER events, 6) AS avg_fill_price,
	min(at) OVER events AS created_at, at AS updated_at
FROM desk.events WINDOW events AS (PARTITION BY order_id ORDER BY version);
CREATE TABLE public.orders AS
SELECT DISTINCT ON (order_id) order_id, side, quantity, price, status, filled_quantity, avg_fill_price, created_at, updated_at
FROM desk.states ORDER BY order_id, version DESC;
ALTER TABLE public.orders ADD PRIMARY KEY (order_id);
