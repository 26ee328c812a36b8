-- event_store_events and event_store_events_in_streams with the columns and indexes of Rails Event Store's migration for jsonb.
CREATE TABLE public.event_store_events (
	id bigserial PRIMARY KEY,
	event_id uuid NOT NULL,
	event_type varchar NOT NULL,
	metadata jsonb,
	data jsonb NOT NULL,
	created_at timestamp(6) NOT NULL,
	valid_at timestamp(6)
);
CREATE UNIQUE INDEX index_event_store_events_on_event_id ON public.event_store_events (event_id);
CREATE INDEX index_event_store_events_on_event_type ON public.event_store_events (event_type);
CREATE INDEX index_event_store_events_on_created_at ON public.event_store_events (created_at);
CREATE INDEX index_event_store_events_on_valid_at ON public.event_store_events (valid_at);
CREATE INDEX index_event_store_events_on_as_of ON public.event_store_events (coalesce(valid_at, created_at));
CREATE TABLE public.event_store_events_in_streams (
	id bigserial PRIMARY KEY,
	stream varchar NOT NULL,
	position integer,
	event_id uuid NOT NULL REFERENCES public.event_store_events (event_id),
	created_at timestamp(6) NOT NULL
);
CREATE UNIQUE INDEX index_event_store_events_in_streams_on_stream_and_position ON public.event_store_events_in_streams (stream, position);
CREATE UNIQUE INDEX index_event_store_events_in_streams_on_stream_and_event_id ON public.event_store_events_in_streams (stream, event_id);
CREATE INDEX index_event_store_events_in_streams_on_event_id ON public.event_store_events_in_streams (event_id);
CREATE INDEX index_event_store_events_in_streams_on_created_at ON public.event_store_events_in_streams (created_at);
INSERT INTO public.event_store_events (id, event_id, event_type, metadata, data, created_at)
SELECT position, id, CASE kind WHEN 'created' THEN 'Desk::OrderPlaced' WHEN 'modified' THEN 'Desk::OrderAmended' WHEN 'canceled' THEN 'Desk::OrderCancelled' ELSE 'Desk::OrderExecuted' END,
	'{"correlation_id": "c"}',
	CASE kind
		WHEN 'created' THEN jsonb_build_object('side', lower(side), 'quantity', qty, 'limit_price', price::text)
		WHEN 'modified' THEN jsonb_build_object('quantity', qty, 'limit_price', price::text)
		WHEN 'canceled' THEN '{}'
		ELSE jsonb_build_object('quantity', last_qty, 'price', last_px::text)
	END, at AT TIME ZONE 'UTC'
FROM desk.events;
-- An event is in the stream of its aggregate, and linked to others.
INSERT INTO public.event_store_events_in_streams (stream, position, event_id, created_at)
SELECT 'Desk::Order$' || order_id, version - 1, id, at AT TIME ZONE 'UTC' FROM desk.events
UNION ALL SELECT '$by_type_' || event_type, NULL, event_id, created_at FROM public.event_store_events;
