-- +goose Up

-- The identity of the topic that was followed; empty if it was not known.
ALTER TABLE stream_state ADD COLUMN topic text NOT NULL DEFAULT '';
