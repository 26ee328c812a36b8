-- +goose Up

-- Secrets that the processes of a system share, by name. None of them opens anything else.
CREATE TABLE secret (
    name  text  COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);
