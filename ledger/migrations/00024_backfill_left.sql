-- +goose Up

-- How many orders of a range a backfill has left as they are, by reason.
ALTER TABLE backfill_range ADD COLUMN remained jsonb NOT NULL DEFAULT '{}';
