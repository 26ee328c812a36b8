-- +goose Up

-- What a pass found of the event store, counted when it ended: its sightings are pruned long before the evidence expires.
ALTER TABLE pass ADD COLUMN folded boolean NOT NULL DEFAULT false; -- compared legacy with the events, some or none
ALTER TABLE pass ADD COLUMN events_without bigint;                 -- orders of legacy without their events; NULL until it ended
ALTER TABLE pass ADD COLUMN events_flawed bigint;                  -- orders with an event that cannot be read or applied
ALTER TABLE pass ADD COLUMN events_gaps bigint;                    -- orders with a hole in their history

-- What was looked at by status and age, as far as ages are told apart. What of it was left unjudged is in settled.
ALTER TABLE pass ADD COLUMN strata jsonb;
ALTER TABLE suspect ADD COLUMN age text NOT NULL DEFAULT ''; -- when the scan met it

-- Lines of legacy's own record that should have an event, and those that have; of orders that were drawn.
ALTER TABLE pass ADD COLUMN changes bigint NOT NULL DEFAULT 0;
ALTER TABLE pass ADD COLUMN changes_with_events bigint NOT NULL DEFAULT 0;

-- A divergence that somebody answers for, until a time: it is open again from then on, or when it becomes another.
ALTER TABLE divergence ADD COLUMN accepted_by text NOT NULL DEFAULT '';
ALTER TABLE divergence ADD COLUMN accepted_why text NOT NULL DEFAULT '';
ALTER TABLE divergence ADD COLUMN accepted_at timestamptz;
ALTER TABLE divergence ADD COLUMN accepted_until timestamptz;
ALTER TABLE divergence ADD CONSTRAINT accepted_by_somebody CHECK (state <> 'accepted'
    OR accepted_by <> '' AND accepted_why <> '' AND accepted_at IS NOT NULL AND accepted_until IS NOT NULL);
CREATE INDEX divergence_accepted ON divergence (accepted_until, order_key) WHERE state = 'accepted';
