-- +goose Up

-- A pass has one core for all kinds, and facts of its own kind as one value. What is moved here are names of the JSON that
-- the program reads: see the Facts of each kind in package verify.
ALTER TABLE pass ADD COLUMN pair text COLLATE "C" NOT NULL DEFAULT 'main';
ALTER TABLE pass ALTER COLUMN pair DROP DEFAULT;
ALTER TABLE pass ADD COLUMN facts jsonb; -- NULL until the scan has ended

UPDATE pass SET facts = jsonb_build_object('legacy_rows', legacy_rows, 'projection_rows', projection_rows,
        'sampled', sampled, 'strata', strata, 'changes', jsonb_build_object('recorded', changes, 'with_events', changes_with_events))
    WHERE kind = 'sample' AND scanned_at IS NOT NULL;
UPDATE pass SET facts = jsonb_build_object('legacy_rows', legacy_rows, 'projection_rows', projection_rows,
        'counts', counts, 'strata', strata, 'changes', jsonb_build_object('recorded', changes, 'with_events', changes_with_events))
    || CASE WHEN NOT folded THEN '{}'
        WHEN events_without IS NULL THEN jsonb_build_object('events', jsonb_build_object('orders', events_rows))
        ELSE jsonb_build_object('events', jsonb_build_object('orders', events_rows, 'found',
            jsonb_build_object('without', events_without, 'flawed', events_flawed, 'gaps', events_gaps))) END
    WHERE kind = 'full' AND scanned_at IS NOT NULL;
UPDATE pass SET facts = '{}' WHERE kind = 'stream' AND scanned_at IS NOT NULL;

ALTER TABLE pass
    DROP COLUMN legacy_rows, DROP COLUMN projection_rows, DROP COLUMN sampled, DROP COLUMN counts, DROP COLUMN strata,
    DROP COLUMN events_rows, DROP COLUMN folded, DROP COLUMN events_without, DROP COLUMN events_flawed,
    DROP COLUMN events_gaps, DROP COLUMN changes, DROP COLUMN changes_with_events;

DROP INDEX pass_scheduled;
CREATE UNIQUE INDEX pass_scheduled ON pass (pair, kind, scheduled_at) WHERE scheduled_at IS NOT NULL;

-- Where the scan has counted a suspect, as JSON too.
ALTER TABLE suspect ADD COLUMN counted jsonb NOT NULL DEFAULT '{}';
UPDATE suspect SET counted = jsonb_strip_nulls(jsonb_build_object(
    'legacy', nullif(legacy_group, ''), 'projection', nullif(projection_group, ''), 'age', nullif(age, '')));
ALTER TABLE suspect DROP COLUMN legacy_group, DROP COLUMN projection_group, DROP COLUMN age;

ALTER TABLE schedule ADD COLUMN pair text COLLATE "C" NOT NULL DEFAULT 'main';
ALTER TABLE schedule ALTER COLUMN pair DROP DEFAULT;
ALTER TABLE schedule DROP CONSTRAINT schedule_pkey, ADD PRIMARY KEY (pair, kind);
