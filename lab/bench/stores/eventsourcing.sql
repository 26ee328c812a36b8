-- The table and the indexes of the Python library eventsourcing, and the events as its JSON transcoder writes them.
CREATE TABLE public.desk_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text,
    state bytea,
    notification_id bigint NOT NULL
);
CREATE FUNCTION pg_temp.decimal(of text) RETURNS json LANGUAGE sql IMMUTABLE
RETURN json_build_object('_type_', 'decimal_str', '_data_', of);
INSERT INTO public.desk_events
SELECT md5(order_id::text)::uuid, row_number() OVER (PARTITION BY order_id ORDER BY event_id),
       'shop:Order.' || CASE event_type WHEN 'OrderCreated' THEN 'Placed' WHEN 'OrderModified' THEN 'Repriced' WHEN 'OrderCanceled' THEN 'Cancelled' ELSE 'Executed' END,
       convert_to(replace(replace((CASE event_type
           WHEN 'OrderCreated' THEN json_build_object('timestamp', at, 'originator_topic', 'shop:Order', 'trader', payload -> 'trader_id', 'symbol', payload -> 'symbol',
               'side', payload -> 'side', 'qty', pg_temp.decimal(payload ->> 'quantity'), 'limit', pg_temp.decimal(payload ->> 'price'))
           WHEN 'OrderModified' THEN json_build_object('timestamp', at, 'limit', pg_temp.decimal(payload ->> 'new_value'))
           WHEN 'OrderCanceled' THEN json_build_object('timestamp', at, 'by', 'trader')
           ELSE json_build_object('timestamp', at, 'exec_id', 'x' || event_id, 'qty', pg_temp.decimal(coalesce(payload ->> 'filled_quantity', payload ->> 'quantity')),
               'price', pg_temp.decimal(payload ->> 'price'))
       END)::text, '" : ', '":'), ', "', ',"'), 'UTF8'),
       event_id
FROM (SELECT *, json_build_object('_type_', 'datetime_iso', '_data_', to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')) AS at
      FROM public.event_store) AS e
ORDER BY event_id;
ALTER TABLE public.desk_events ADD CONSTRAINT desk_events_pkey PRIMARY KEY (originator_id, originator_version);
CREATE UNIQUE INDEX desk_events_notification_id_idx ON public.desk_events (notification_id);
