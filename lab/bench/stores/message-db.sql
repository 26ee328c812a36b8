-- The table and the indexes of message-db, and the events in its words.
CREATE SCHEMA message_store;
CREATE TABLE message_store.messages (
    global_position bigint NOT NULL,
    "position" bigint NOT NULL,
    "time" timestamp without time zone NOT NULL,
    stream_name text NOT NULL,
    type text NOT NULL,
    data jsonb,
    metadata jsonb,
    id uuid NOT NULL
);
INSERT INTO message_store.messages
SELECT event_id, row_number() OVER (PARTITION BY order_id ORDER BY event_id) - 1, timestamp AT TIME ZONE 'UTC', 'order-' || md5(order_id::text)::uuid,
       CASE event_type WHEN 'OrderCreated' THEN 'Placed' WHEN 'OrderModified' THEN 'PriceChanged' WHEN 'OrderCanceled' THEN 'Cancelled' ELSE 'Executed' END,
       jsonb_build_object('orderId', md5(order_id::text)::uuid) || CASE event_type
           WHEN 'OrderCreated' THEN jsonb_build_object('traderId', payload -> 'trader_id', 'symbol', payload -> 'symbol', 'side', payload -> 'side',
               'orderQty', payload -> 'quantity', 'limitPrice', jsonb_build_object('amount', ((payload ->> 'price')::numeric * 10000)::bigint, 'currency', 'USD'))
           WHEN 'OrderModified' THEN jsonb_build_object('limitPrice', jsonb_build_object('amount', ((payload ->> 'new_value')::numeric * 10000)::bigint, 'currency', 'USD'))
           WHEN 'OrderCanceled' THEN '{}'
           ELSE jsonb_build_object('lastQty', coalesce(payload -> 'filled_quantity', payload -> 'quantity'), 'leavesQty', coalesce(payload -> 'remaining_quantity', '0'),
               'lastPx', jsonb_build_object('amount', ((payload ->> 'price')::numeric * 10000)::bigint, 'currency', 'USD'))
       END,
       NULL, md5('message ' || event_id)::uuid
FROM public.event_store ORDER BY event_id;
ALTER TABLE message_store.messages ADD CONSTRAINT messages_pkey PRIMARY KEY (global_position);
CREATE UNIQUE INDEX messages_id ON message_store.messages (id);
CREATE UNIQUE INDEX messages_stream ON message_store.messages (stream_name, "position");
