-- +goose Up

-- The next look at a suspect needs none of these of the look before. There may be a million suspects.
ALTER TABLE suspect DROP COLUMN mismatches, DROP COLUMN legacy_changed_at, DROP COLUMN projection_reached;
