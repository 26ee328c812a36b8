-- +goose Up

-- Full passes that compare ranges of keys, one after another, store each, so that another process can go on with the rest.
ALTER TABLE pass ADD COLUMN ranged boolean NOT NULL DEFAULT false;

CREATE TABLE pass_range (
    pass_id   bigint      NOT NULL REFERENCES pass ON DELETE CASCADE,
    number    integer     NOT NULL,
    from_key  text COLLATE "C" NOT NULL, -- empty: no end
    below_key text COLLATE "C" NOT NULL,
    token     bigint      NOT NULL,      -- of the lease under which it was compared
    found     jsonb       NOT NULL,      -- see RangeFacts in package verify
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (pass_id, number)
);
-- No two ranges of a pass begin at the same key.
CREATE UNIQUE INDEX pass_range_from ON pass_range (pass_id, from_key);
