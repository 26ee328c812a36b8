-- +goose Up

-- The open transaction for which the search for missing messages waits, and since when; '' if for none.
ALTER TABLE stream_state ADD COLUMN waiting_for text NOT NULL DEFAULT '', ADD COLUMN waiting_since timestamptz;
