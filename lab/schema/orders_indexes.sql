-- Built after the history is loaded, before the projector reads it.
ALTER TABLE event_store ADD PRIMARY KEY (event_id);
CREATE INDEX event_store_order ON event_store (order_id, event_id);
