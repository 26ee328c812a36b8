-- +goose Up

-- The forms of stored values that have a version of their own, such as digests. A newer program raises a version; an older
-- one then writes no more.
CREATE TABLE form (
    name    text PRIMARY KEY,
    version bigint NOT NULL
);
