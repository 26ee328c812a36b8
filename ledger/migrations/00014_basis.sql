-- +goose Up

-- What each fingerprint is made of, as a list of {name, text}. It says in words what has changed. No part is a secret.
CREATE TABLE basis (
    fingerprint text PRIMARY KEY,
    parts       jsonb       NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
