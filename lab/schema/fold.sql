-- One step of the projector: what a batch of events does to each order, in event order, applied at once.
-- {{batch}} picks from {{events}}, the events in the words of the store "orders". The places where the lab's faults reach
-- in, each a list of orders: @stuck all events are left out, @partial partial fills are left out, @stamped events are picked by a later timestamp than the row's,
-- @drift the filled quantity is off by @drift_by, @nulled a sum over no fill is NULL.
WITH batch AS MATERIALIZED (
    SELECT event_id, order_id, event_type, timestamp, payload,
           CASE event_type
               WHEN 'OrderPartiallyFilled' THEN (payload ->> 'filled_quantity')::numeric(18, 4)
               WHEN 'OrderFilled' THEN (payload ->> 'quantity')::numeric(18, 4)
               WHEN 'OrderImported' THEN (payload ->> 'filled_quantity')::numeric(18, 4)
           END AS fill,
           CASE event_type
               WHEN 'OrderCreated' THEN 'OPEN'
               WHEN 'OrderPartiallyFilled' THEN 'PARTIALLY_FILLED'
               WHEN 'OrderFilled' THEN 'FILLED'
               WHEN 'OrderCanceled' THEN 'CANCELED'
               WHEN 'OrderImported' THEN payload ->> 'status'
           END AS status
    FROM {{events}} AS e
    WHERE {{batch}}
      AND order_id <> ALL (@stuck::bigint[])
      AND NOT (event_type = 'OrderPartiallyFilled' AND order_id = ANY (@partial::bigint[]))
      AND NOT (order_id = ANY (@stamped::bigint[])
               AND timestamp <= (SELECT p.updated_at FROM orders_projection AS p WHERE p.order_id = e.order_id))
), change AS (
    SELECT order_id,
           (array_agg(payload ORDER BY event_id) FILTER (WHERE event_type IN ('OrderCreated', 'OrderImported')))[1] AS created,
           coalesce(min(timestamp) FILTER (WHERE event_type = 'OrderCreated'),
                    min((payload ->> 'created_at')::timestamptz) FILTER (WHERE event_type = 'OrderImported')) AS created_at,
           (array_agg(payload ->> 'new_value' ORDER BY event_id DESC)
               FILTER (WHERE event_type = 'OrderModified' AND payload ->> 'field' = 'quantity' AND payload ->> 'new_value' IS NOT NULL))[1]::numeric(18, 4) AS quantity,
           (array_agg(payload ->> 'new_value' ORDER BY event_id DESC)
               FILTER (WHERE event_type = 'OrderModified' AND payload ->> 'field' = 'price' AND payload ->> 'new_value' IS NOT NULL))[1]::numeric(18, 4) AS price,
           CASE WHEN order_id = ANY (@nulled::bigint[]) THEN sum(fill) ELSE coalesce(sum(fill), 0) END AS filled,
           coalesce(sum(CASE event_type WHEN 'OrderImported' THEN (payload ->> 'notional')::numeric
                                        ELSE fill * (payload ->> 'price')::numeric(18, 4) END) FILTER (WHERE fill IS NOT NULL), 0) AS notional,
           (array_agg(status ORDER BY event_id DESC) FILTER (WHERE status IS NOT NULL))[1] AS status,
           (array_agg(timestamp ORDER BY event_id DESC))[1] AS updated_at,
           CASE WHEN order_id = ANY (@drift::bigint[]) AND sum(fill) > 0 THEN @drift_by::numeric ELSE 0 END AS drift
    FROM batch
    GROUP BY order_id
), updated AS (
    UPDATE orders_projection AS p
    SET quantity = coalesce(c.quantity, p.quantity),
        price = coalesce(c.price, p.price),
        status = coalesce(c.status, p.status),
        filled_quantity = p.filled_quantity + c.filled + c.drift,
        filled_notional = p.filled_notional + c.notional,
        avg_fill_price = round((p.filled_notional + c.notional)::numeric(38, 8)
                               / nullif(p.filled_quantity + c.filled, 0)::numeric(18, 4), 6),
        updated_at = c.updated_at
    FROM change AS c
    WHERE c.order_id = p.order_id
    RETURNING p.order_id
)
INSERT INTO orders_projection (order_id, trader_id, symbol, side, quantity, price, status,
                               filled_quantity, filled_notional, avg_fill_price, created_at, updated_at)
SELECT order_id, (created ->> 'trader_id')::integer, created ->> 'symbol', created ->> 'side',
       coalesce(quantity, (created ->> 'quantity')::numeric), coalesce(price, (created ->> 'price')::numeric), status,
       filled + drift, notional, round(notional::numeric(38, 8) / nullif(filled, 0)::numeric(18, 4), 6), created_at, updated_at
FROM change
WHERE created IS NOT NULL
  AND NOT EXISTS (SELECT FROM updated AS u WHERE u.order_id = change.order_id)
