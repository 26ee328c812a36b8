-- +goose Up
-- How far the stream was matched with the event store. All of it belongs to one fingerprint, and is written in the
-- transaction that writes the divergences it led to.
CREATE TABLE stream_state (
    fingerprint  text PRIMARY KEY,
    claimed_from bigint      NOT NULL, -- 0: nothing is claimed yet
    frontier     bigint      NOT NULL,
    excused      bigint      NOT NULL,
    complete     bigint      NOT NULL, -- events in buckets that have no row any more
    stored       bigint      NOT NULL,
    seen         bigint      NOT NULL,
    checked      bigint      NOT NULL,
    caught_up_at timestamptz,
    gaps         bigint      NOT NULL,
    at           timestamptz NOT NULL
);

CREATE TABLE stream_partition (
    fingerprint    text    NOT NULL,
    number         integer NOT NULL,
    next_offset    bigint  NOT NULL,
    end_offset     bigint  NOT NULL,
    newest         bigint  NOT NULL,
    first_position bigint  NOT NULL,
    cut            boolean NOT NULL,
    replay_to      bigint  NOT NULL,
    PRIMARY KEY (fingerprint, number)
);

-- Positions by 4096 that are not proven to be complete; a bit for each that was seen.
CREATE TABLE stream_bucket (
    fingerprint text   NOT NULL,
    bucket      bigint NOT NULL,
    seen        bytea  NOT NULL,
    stored      bigint NOT NULL,
    missing     bigint NOT NULL,
    PRIMARY KEY (fingerprint, bucket)
);

CREATE TABLE stream_lost (
    fingerprint text             NOT NULL,
    position    bigint           NOT NULL,
    bucket      bigint           NOT NULL,
    order_key   text COLLATE "C" NOT NULL,
    PRIMARY KEY (fingerprint, position)
);
CREATE INDEX stream_lost_order ON stream_lost (fingerprint, order_key);
CREATE INDEX stream_lost_bucket ON stream_lost (fingerprint, bucket);

-- Messages without a stored event.
CREATE TABLE stream_stray (
    fingerprint text        NOT NULL,
    number      integer     NOT NULL,
    at_offset   bigint      NOT NULL,
    value       bytea       NOT NULL,
    first_seen  timestamptz NOT NULL,
    due         timestamptz NOT NULL,
    judged      boolean     NOT NULL,
    PRIMARY KEY (fingerprint, number, at_offset)
);
CREATE INDEX stream_stray_due ON stream_stray (fingerprint, due);
