-- +goose Up

-- What the members of a group have read of the topic and compared, until the follower takes it. Both tables are a copy of the topic
-- and write no WAL: if they are empty after a crash, or on a standby that was promoted, the follower opens them anew.
CREATE SEQUENCE stream_claim;
CREATE UNLOGGED TABLE stream_intake (
    fingerprint text        NOT NULL,
    number      integer     NOT NULL,
    token       bigint      NOT NULL, -- of the member that may add; a new one for each claim
    reader      text        NOT NULL, -- that member; empty if none has claimed it
    since       timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_offset bigint      NOT NULL,
    end_offset  bigint      NOT NULL,
    parcels     bigint      NOT NULL, -- the number of the last one
    PRIMARY KEY (fingerprint, number)
);
CREATE UNLOGGED TABLE stream_parcel (
    fingerprint text    NOT NULL,
    number      integer NOT NULL,
    parcel      bigint  NOT NULL,
    mark        bigint  GENERATED ALWAYS AS IDENTITY, -- the order in which they were added
    from_offset bigint  NOT NULL,
    next_offset bigint  NOT NULL,
    content     bytea   NOT NULL,
    PRIMARY KEY (fingerprint, number, parcel)
);
CREATE INDEX stream_parcel_mark ON stream_parcel (fingerprint, mark);

ALTER TABLE stream_partition ADD COLUMN taken bigint NOT NULL DEFAULT 0; -- the last parcel that was matched
