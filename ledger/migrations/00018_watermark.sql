-- +goose Up

-- Up to when the snapshots of a pass over every order have every commit; NULL if it is not known. A pass that proves moves
-- the watermark there. A full pass of before has its start as that time, which is never too late.
ALTER TABLE pass ADD COLUMN through timestamptz;
ALTER TABLE pass ADD COLUMN proves boolean NOT NULL DEFAULT false;
ALTER TABLE pass ADD COLUMN accepted bigint NOT NULL DEFAULT 0; -- orders that it found diverged, and that were accepted when it ended
UPDATE pass SET through = started_at WHERE kind = 'full' AND scanned_at IS NOT NULL;
UPDATE pass SET proves = true WHERE kind = 'full' AND verdict = 'match';
CREATE INDEX pass_watermark ON pass (pair, fingerprint, through) WHERE proves;
