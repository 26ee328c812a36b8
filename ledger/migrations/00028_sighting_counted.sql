-- +goose Up

-- Where a pass has counted the order of a divergence that it saw, and whether it had drawn the order uniformly: so that criteria can leave
-- an order out that is accepted later.
ALTER TABLE sighting ADD COLUMN counted jsonb;
ALTER TABLE sighting ADD COLUMN in_sample boolean NOT NULL DEFAULT false;
