-- +goose Up

-- What slows a running pass down, as a list of {side, reason, text, since}. It means nothing once the pass is done.
ALTER TABLE pass ADD COLUMN slowed jsonb NOT NULL DEFAULT '[]';
