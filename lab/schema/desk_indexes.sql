-- Built after the history is loaded, before the projector reads it: by stream for readers of an order, by id for readers of
-- the topic, by number for the lab.
ALTER TABLE desk.messages ADD PRIMARY KEY (global_position);
CREATE INDEX messages_stream ON desk.messages (stream_name, global_position);
CREATE INDEX messages_order ON desk.messages ((substr(stream_name, 7)::bigint), global_position);
CREATE UNIQUE INDEX messages_id ON desk.messages (id);
