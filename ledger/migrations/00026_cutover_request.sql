-- +goose Up

-- What people ask of whoever drives a cutover, for good.
CREATE TABLE cutover_request (
    id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text        COLLATE "C" NOT NULL,
    run  text        COLLATE "C" NOT NULL,
    asks text        NOT NULL, -- abort or reverse
    who  text        NOT NULL,
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
