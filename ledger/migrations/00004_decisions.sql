-- +goose Up
-- What the gate said, for good. Each row holds the hash of the one before it, so that a row that is changed, removed or
-- put between is found. Texts, not jsonb: the hash is over their bytes.
CREATE TABLE decision (
    seq         bigint      PRIMARY KEY CHECK (seq > 0),
    at          timestamptz NOT NULL,
    who         text        NOT NULL,
    fingerprint text        NOT NULL,
    answer      text        NOT NULL,
    evidence    text        NOT NULL, -- JSON
    decision    text        NOT NULL, -- JSON
    prev        bytea       NOT NULL, -- hash of seq - 1; empty for the first
    hash        bytea       NOT NULL CHECK (length(hash) = 32)
);
