-- What all events of each order amount to, in one statement that shares nothing with the projector but {{events}}.
CREATE TEMPORARY TABLE folded_orders AS
WITH e AS (
    SELECT event_id, order_id, payload,
           CASE event_type
               WHEN 'OrderPartiallyFilled' THEN (payload ->> 'filled_quantity')::numeric
               WHEN 'OrderFilled' THEN (payload ->> 'quantity')::numeric
               WHEN 'OrderImported' THEN (payload ->> 'filled_quantity')::numeric
           END AS fill,
           CASE WHEN event_type = 'OrderImported' THEN (payload ->> 'notional')::numeric END AS notional
    FROM {{events}}
), created AS (
    SELECT DISTINCT ON (order_id) event_id, order_id, payload, CASE event_type WHEN 'OrderCreated' THEN timestamp ELSE (payload ->> 'created_at')::timestamptz END AS created_at
    FROM {{events}} WHERE event_type IN ('OrderCreated', 'OrderImported')
    ORDER BY order_id, event_id
), touched AS (
    SELECT DISTINCT ON (order_id) order_id, timestamp AS updated_at FROM {{events}} ORDER BY order_id, event_id DESC
), quantity AS (
    SELECT DISTINCT ON (order_id) order_id, (payload ->> 'new_value')::numeric AS value FROM {{events}}
    WHERE event_type = 'OrderModified' AND payload ->> 'field' = 'quantity' AND payload ->> 'new_value' IS NOT NULL
    ORDER BY order_id, event_id DESC
), price AS (
    SELECT DISTINCT ON (order_id) order_id, (payload ->> 'new_value')::numeric AS value FROM {{events}}
    WHERE event_type = 'OrderModified' AND payload ->> 'field' = 'price' AND payload ->> 'new_value' IS NOT NULL
    ORDER BY order_id, event_id DESC
), status AS (
    SELECT DISTINCT ON (order_id) order_id,
           CASE event_type WHEN 'OrderCreated' THEN 'OPEN' WHEN 'OrderPartiallyFilled' THEN 'PARTIALLY_FILLED'
                           WHEN 'OrderFilled' THEN 'FILLED' WHEN 'OrderImported' THEN payload ->> 'status' ELSE 'CANCELED' END AS status
    FROM {{events}} WHERE event_type <> 'OrderModified'
    ORDER BY order_id, event_id DESC
), fills AS (
    SELECT order_id, sum(fill) AS quantity, sum(coalesce(notional, fill * (e.payload ->> 'price')::numeric)) AS notional
    FROM e JOIN created USING (order_id) -- what is stored before the creation is of no order
    WHERE fill IS NOT NULL AND e.event_id >= created.event_id GROUP BY order_id
)
SELECT order_id, (payload ->> 'trader_id')::integer AS trader_id, payload ->> 'symbol' AS symbol, payload ->> 'side' AS side,
       coalesce(quantity.value, (payload ->> 'quantity')::numeric) AS quantity,
       coalesce(price.value, (payload ->> 'price')::numeric) AS price,
       status, coalesce(fills.quantity, 0) AS filled_quantity,
       round(fills.notional::numeric(38, 8) / fills.quantity::numeric(18, 4), 6) AS avg_fill_price,
       created_at, updated_at
FROM created
JOIN touched USING (order_id)
JOIN status USING (order_id)
LEFT JOIN fills USING (order_id)
LEFT JOIN quantity USING (order_id)
LEFT JOIN price USING (order_id)
