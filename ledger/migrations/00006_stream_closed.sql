-- +goose Up

-- What was in a bucket of positions when it was complete: what the store has now is held against it again and again, and
-- a message of an old position is told from one that comes twice. Where ids have no holes, a row is some 60 bytes for 4096
-- events. A bucket has a row here or in stream_bucket, and never both.
CREATE TABLE stream_closed (
    fingerprint text   NOT NULL REFERENCES stream_state ON DELETE CASCADE,
    bucket      bigint NOT NULL,
    seen        bytea  NOT NULL, -- as encodeBits writes it
    stored      bigint NOT NULL,
    sum         bigint NOT NULL,
    PRIMARY KEY (fingerprint, bucket)
);

-- Of buckets that were dropped before, nothing is known but that they were complete.
ALTER TABLE stream_state ADD kept bigint NOT NULL DEFAULT 0;
UPDATE stream_state SET kept = frontier;
ALTER TABLE stream_bucket ADD sum bigint NOT NULL DEFAULT 0;
