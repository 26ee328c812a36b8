-- +goose Up

-- What a backfill has done of a run, if the event store has no table for that.
CREATE TABLE backfill_range (
    pair      text   NOT NULL,
    run       text   NOT NULL,
    number    bigint NOT NULL,
    from_key  text COLLATE "C" NOT NULL, -- empty: no end
    below_key text COLLATE "C" NOT NULL,
    orders    bigint NOT NULL,
    events    bigint NOT NULL,
    again     text[] NOT NULL, -- the orders that must be looked at once more
    PRIMARY KEY (pair, run, number)
);
