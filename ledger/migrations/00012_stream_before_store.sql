-- +goose Up

-- Where a partition ended when the topic was first read. A message below that may be of an event that was archived.
ALTER TABLE stream_partition ADD COLUMN backlog bigint NOT NULL DEFAULT 0;

-- How many messages were not judged because they are from before the event store begins.
ALTER TABLE stream_state ADD COLUMN before_store bigint NOT NULL DEFAULT 0;

-- Orders with such a message.
CREATE TABLE stream_begun_before (
    fingerprint text             NOT NULL REFERENCES stream_state ON DELETE CASCADE,
    order_key   text COLLATE "C" NOT NULL,
    PRIMARY KEY (fingerprint, order_key)
);
