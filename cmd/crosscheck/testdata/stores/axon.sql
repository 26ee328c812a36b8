-- domain_event_entry with the columns and keys of Axon Framework 4's JDBC engine, named as Spring Boot names them.
CREATE TABLE public.domain_event_entry (
	global_index bigserial PRIMARY KEY,
	aggregate_identifier varchar(255) NOT NULL,
	sequence_number bigint NOT NULL,
	type varchar(255),
	event_identifier varchar(255) NOT NULL UNIQUE,
	meta_data bytea,
	payload bytea NOT NULL,
	payload_revision varchar(255),
	payload_type varchar(255) NOT NULL,
	time_stamp varchar(255) NOT NULL,
	UNIQUE (aggregate_identifier, sequence_number)
);
INSERT INTO public.domain_event_entry (global_index, aggregate_identifier, sequence_number, type, event_identifier, meta_data, payload, payload_type, time_stamp)
SELECT position, order_id, version - 1, 'Order', id, '\x7b7d', convert_to(
	CASE kind
		WHEN 'created' THEN jsonb_build_object('orderId', order_id, 'side', side, 'quantity', qty, 'limitPrice', price)
		WHEN 'modified' THEN jsonb_build_object('orderId', order_id, 'quantity', qty, 'limitPrice', price)
		WHEN 'canceled' THEN jsonb_build_object('orderId', order_id, 'reason', NULL)
		ELSE jsonb_build_object('orderId', order_id, 'executionId', id, 'quantity', last_qty, 'price', last_px)
	END::text, 'UTF8'),
	'com.example.desk.' || CASE kind WHEN 'created' THEN 'OrderPlacedEvent' WHEN 'modified' THEN 'OrderAmendedEvent' WHEN 'canceled' THEN 'OrderCancelledEvent' ELSE 'OrderExecutedEvent' END,
	to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
FROM desk.events;
INSERT INTO public.domain_event_entry (global_index, aggregate_identifier, sequence_number, type, event_identifier, payload, payload_type, time_stamp)
VALUES (1001, 'account-1', 0, 'Account', 'a', convert_to('{"owner": "A"}', 'UTF8'), 'com.example.desk.AccountOpenedEvent', '2026-03-02T09:00:00.125Z');
