-- streams, events and stream_events with the columns, keys and indexes of EventStore for Elixir.
CREATE TABLE public.streams (
	stream_id bigserial PRIMARY KEY,
	stream_uuid text NOT NULL,
	stream_version bigint NOT NULL DEFAULT 0,
	stream_origin bigint NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL DEFAULT now(),
	deleted_at timestamptz
);
CREATE UNIQUE INDEX ix_streams_stream_uuid ON public.streams (stream_uuid);
CREATE TABLE public.events (
	event_id uuid PRIMARY KEY,
	event_type text NOT NULL,
	causation_id uuid,
	correlation_id uuid,
	data bytea NOT NULL,
	metadata bytea,
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.stream_events (
	event_id uuid NOT NULL REFERENCES public.events,
	stream_id bigint NOT NULL REFERENCES public.streams,
	stream_version bigint NOT NULL,
	original_stream_id bigint REFERENCES public.streams,
	original_stream_version bigint,
	PRIMARY KEY (event_id, stream_id)
);
CREATE UNIQUE INDEX ix_stream_events ON public.stream_events (stream_id, stream_version);
INSERT INTO public.streams (stream_id, stream_uuid, stream_version) SELECT 0, '$all', count(*) + 1 FROM desk.events;
INSERT INTO public.streams (stream_uuid, stream_version) SELECT 'order-' || order_id, max(version) FROM desk.events GROUP BY order_id UNION ALL VALUES ('account-1', 1);
INSERT INTO public.events (event_id, event_type, data, created_at)
SELECT id, 'Elixir.Desk.Events.' || CASE kind WHEN 'created' THEN 'OrderPlaced' WHEN 'modified' THEN 'OrderAmended' WHEN 'canceled' THEN 'OrderCancelled' ELSE 'OrderExecuted' END,
	convert_to(CASE kind
		WHEN 'created' THEN jsonb_build_object('order_id', order_id, 'side', lower(side), 'quantity', qty, 'limit_price', price::text)
		WHEN 'modified' THEN jsonb_build_object('order_id', order_id, 'quantity', qty, 'limit_price', price::text)
		WHEN 'canceled' THEN jsonb_build_object('order_id', order_id, 'by', 'trader')
		ELSE jsonb_build_object('order_id', order_id, 'quantity', last_qty, 'price', last_px::text)
	END::text, 'UTF8'), at
FROM desk.events UNION ALL VALUES (md5('a')::uuid, 'Elixir.Desk.Events.AccountOpened', bytea '\x7b7d', now());
-- Each event is in its own stream and in $all, and some are linked to another.
INSERT INTO public.stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT e.id, n.stream_id, CASE n.stream_id WHEN 0 THEN position ELSE version END, s.stream_id, version
FROM desk.events e JOIN public.streams s ON s.stream_uuid = 'order-' || order_id CROSS JOIN LATERAL (VALUES (0), (s.stream_id)) n (stream_id);
INSERT INTO public.stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT md5('a')::uuid, n, CASE n WHEN 0 THEN 1001 ELSE 1 END, s.stream_id, 1 FROM public.streams s CROSS JOIN LATERAL (VALUES (0), (s.stream_id)) n (n) WHERE stream_uuid = 'account-1';
INSERT INTO public.streams (stream_id, stream_uuid, stream_version) VALUES (1001, 'order-audit', 40);
INSERT INTO public.stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version)
SELECT event_id, 1001, row_number() OVER (), original_stream_id, original_stream_version FROM public.stream_events WHERE stream_id = 0 AND original_stream_version = 1 AND stream_version <= 40;
