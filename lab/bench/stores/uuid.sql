-- The default schema with orders that are named by a uuid, as in the stores of the libraries.
CREATE TABLE named.event_store (event_id bigint NOT NULL, order_id uuid NOT NULL, event_type text NOT NULL, timestamp timestamptz NOT NULL, payload jsonb NOT NULL);
INSERT INTO named.event_store SELECT event_id, md5(order_id::text)::uuid, event_type, timestamp, payload FROM public.event_store ORDER BY event_id;
ALTER TABLE named.event_store ADD PRIMARY KEY (event_id);
CREATE INDEX ON named.event_store (order_id, event_id);
