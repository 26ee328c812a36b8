-- +goose Up
-- What a pass saw of the event store.
ALTER TABLE suspect ADD COLUMN events_state bytea NOT NULL DEFAULT ''; -- '' where nobody looked at the history
ALTER TABLE pass ADD COLUMN events_rows bigint NOT NULL DEFAULT 0;     -- orders that the events give; 0 where not folded
