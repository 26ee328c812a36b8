-- event_journal with the columns, keys and indexes of Pekko Persistence JDBC (and of Akka Persistence JDBC 5).
CREATE TABLE public.event_journal (
	ordering bigserial,
	persistence_id varchar(255) NOT NULL,
	sequence_number bigint NOT NULL,
	deleted boolean NOT NULL DEFAULT false,
	writer varchar(255) NOT NULL,
	write_timestamp bigint,
	adapter_manifest varchar(255),
	event_ser_id integer NOT NULL,
	event_ser_manifest varchar(255) NOT NULL,
	event_payload bytea NOT NULL,
	meta_ser_id integer,
	meta_ser_manifest varchar(255),
	meta_payload bytea,
	PRIMARY KEY (persistence_id, sequence_number)
);
CREATE UNIQUE INDEX event_journal_ordering_idx ON public.event_journal (ordering);
INSERT INTO public.event_journal (ordering, persistence_id, sequence_number, deleted, writer, write_timestamp, event_ser_id, event_ser_manifest, event_payload)
SELECT position, 'Order|' || order_id, version, version = 1, 'writer', extract(epoch FROM at) * 1000, 31,
	'desk.Order$' || CASE kind WHEN 'created' THEN 'Placed' WHEN 'modified' THEN 'Amended' WHEN 'canceled' THEN 'Cancelled' ELSE 'Executed' END,
	convert_to(CASE kind
		WHEN 'created' THEN jsonb_build_object('side', side, 'quantity', qty, 'limitPrice', price)
		WHEN 'modified' THEN jsonb_build_object('quantity', qty, 'limitPrice', price)
		WHEN 'canceled' THEN '{}'
		ELSE jsonb_build_object('quantity', last_qty, 'price', last_px)
	END::text, 'UTF8')
FROM desk.events;
-- Another entity, whose events are CBOR.
INSERT INTO public.event_journal (ordering, persistence_id, sequence_number, writer, write_timestamp, event_ser_id, event_ser_manifest, event_payload)
VALUES (1001, 'Account|1', 1, 'writer', 0, 33, 'desk.Account$Opened', '\xbf656f776e65726141ff');
