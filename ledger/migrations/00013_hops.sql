-- +goose Up

-- A suspect may part at several hops.
ALTER TABLE suspect RENAME COLUMN mismatch TO mismatches;
UPDATE suspect SET mismatches = CASE WHEN mismatches IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(mismatches) END;
ALTER TABLE suspect ALTER COLUMN mismatches SET DEFAULT '[]', ALTER COLUMN mismatches SET NOT NULL;
