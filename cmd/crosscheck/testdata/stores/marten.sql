-- mt_streams and mt_events with the columns, keys and defaults that Marten documents.
CREATE TABLE public.mt_streams (
	id uuid PRIMARY KEY,
	type varchar,
	version bigint,
	timestamp timestamptz NOT NULL DEFAULT now(),
	snapshot jsonb,
	snapshot_version integer,
	created timestamptz NOT NULL DEFAULT now(),
	tenant_id varchar DEFAULT '*DEFAULT*',
	is_archived boolean DEFAULT false
);
CREATE TABLE public.mt_events (
	seq_id bigint PRIMARY KEY,
	id uuid NOT NULL,
	stream_id uuid REFERENCES public.mt_streams (id) ON DELETE CASCADE,
	version bigint NOT NULL,
	data jsonb NOT NULL,
	type varchar(500) NOT NULL,
	timestamp timestamptz NOT NULL DEFAULT now(),
	tenant_id varchar DEFAULT '*DEFAULT*',
	mt_dotnet_type varchar,
	is_archived boolean DEFAULT false
);
CREATE UNIQUE INDEX pk_mt_events_stream_and_version ON public.mt_events (stream_id, version);
INSERT INTO public.mt_streams (id, type, version) SELECT order_id, 'order', max(version) FROM desk.events GROUP BY order_id;
INSERT INTO public.mt_events (seq_id, id, stream_id, version, data, type, timestamp, mt_dotnet_type)
SELECT position, id, order_id, version,
	CASE kind
		WHEN 'created' THEN jsonb_build_object('Side', CASE side WHEN 'BUY' THEN 0 ELSE 1 END, 'Quantity', qty, 'LimitPrice', price)
		WHEN 'modified' THEN jsonb_build_object('Quantity', qty, 'LimitPrice', price)
		WHEN 'canceled' THEN jsonb_build_object('Reason', 0)
		ELSE jsonb_build_object('Quantity', last_qty, 'Price', last_px, 'ExecutionId', id)
	END,
	CASE kind WHEN 'created' THEN 'order_placed' WHEN 'modified' THEN 'order_amended' WHEN 'canceled' THEN 'order_cancelled' ELSE 'order_executed' END,
	at, 'Desk.OrderEvent, Desk'
FROM desk.events;
-- Another aggregate, and the event that Marten writes where a number of its sequence was taken in vain.
INSERT INTO public.mt_streams (id, type, version) VALUES (md5('account')::uuid, 'account', 1), (md5('tombstones')::uuid, NULL, 1);
INSERT INTO public.mt_events (seq_id, id, stream_id, version, data, type) VALUES
	(1001, md5('a')::uuid, md5('account')::uuid, 1, '{"Owner": "A"}', 'account_opened'),
	(1002, md5('t')::uuid, md5('tombstones')::uuid, 1, '{}', 'tombstone');
