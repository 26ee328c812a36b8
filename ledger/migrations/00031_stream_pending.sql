-- +goose Up

-- Stored events that the stream did not have, and that are waited for: neither seen nor lost yet.
ALTER TABLE stream_state ADD COLUMN pending bigint NOT NULL DEFAULT 0;
