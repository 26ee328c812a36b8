-- The new system's write side in another language: messages in streams. An order is a stream, time has no zone and is UTC,
-- and data is JSON in bytes.
CREATE SCHEMA desk;
CREATE TABLE desk.messages (
    global_position bigint GENERATED ALWAYS AS IDENTITY,
    id              uuid      NOT NULL GENERATED ALWAYS AS (md5('message ' || global_position::text)::uuid) STORED,
    stream_name     text      NOT NULL,
    type            text      NOT NULL,
    time            timestamp NOT NULL,
    data            bytea     NOT NULL
);

-- An amount in ten-thousandths.
CREATE FUNCTION desk.money(amount numeric) RETURNS json LANGUAGE sql IMMUTABLE
RETURN json_build_object('amount', (amount * 10000)::bigint, 'currency', 'USD');

CREATE VIEW desk.stored AS
SELECT global_position AS event_id, substr(stream_name, 7)::bigint AS order_id, type AS event_type,
       time AT TIME ZONE 'UTC' AS timestamp, convert_from(data, 'UTF8') AS payload
FROM desk.messages;

-- The same in the words of the store "orders". Whatever is not there is NULL.
CREATE VIEW desk.spoken AS
SELECT event_id, order_id, timestamp,
       CASE event_type
           WHEN 'Placed' THEN 'OrderCreated'
           WHEN 'PriceChanged' THEN 'OrderModified'
           WHEN 'QuantityChanged' THEN 'OrderModified'
           WHEN 'Executed' THEN CASE WHEN (data ->> 'leavesQty')::numeric > 0 THEN 'OrderPartiallyFilled' ELSE 'OrderFilled' END
           WHEN 'Cancelled' THEN 'OrderCanceled'
       END AS event_type,
       CASE event_type
           WHEN 'Placed' THEN jsonb_build_object(
               'trader_id', data -> 'traderId', 'symbol', data -> 'symbol', 'side', CASE data ->> 'side' WHEN '1' THEN 'BUY' WHEN '2' THEN 'SELL' END,
               'quantity', data -> 'orderQty', 'price', (data #>> '{limitPrice,amount}')::numeric * 0.0001)
           WHEN 'PriceChanged' THEN jsonb_build_object('field', 'price', 'new_value', (data #>> '{limitPrice,amount}')::numeric * 0.0001)
           WHEN 'QuantityChanged' THEN jsonb_build_object('field', 'quantity', 'new_value', data -> 'orderQty')
           WHEN 'Executed' THEN jsonb_build_object(
               'filled_quantity', data -> 'lastQty', 'quantity', data -> 'lastQty', 'price', (data #>> '{lastPx,amount}')::numeric * 0.0001)
       END AS payload
FROM (SELECT event_id, order_id, event_type, timestamp, payload::jsonb AS data FROM desk.stored) AS s;
