-- +goose Up

-- What people asked for by the API or the page, before it was done, and what has become of it.
CREATE TABLE change (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    who     text        NOT NULL,
    role    text        NOT NULL,
    action  text        NOT NULL,
    request text        NOT NULL, -- JSON
    outcome text        NOT NULL DEFAULT '' -- done, or what was wrong; empty if the process died in between
);
