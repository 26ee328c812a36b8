-- +goose Up

-- What a pass found of the event store, counted when it ended: its sightings are pruned long before the evidence expires.
ALTER TABLE pass ADD COLUMN folded boolean NOT NULL DEFAULT false; -- compared legacy with the events, some or none
ALTER TABLE pass ADD COLUMN events_without bigint;                 -- orders of legacy without their events; NULL until it ended
ALTER TABLE pass ADD COLUMN events_flawed bigint;                  -- orders with an event that cannot be read or applied
ALTER TABLE pass ADD COLUMN events_gaps bigint;                    -- orders with a hole in their history
