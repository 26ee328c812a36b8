-- +goose Up

-- Suspects of a range are dropped when it is compared again, because they were counted in other snapshots.
ALTER TABLE suspect ADD COLUMN range integer NOT NULL DEFAULT 0; -- its number; 0: none
