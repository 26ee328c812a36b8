-- +goose Up

-- What audits have found: inconsistencies in legacy's own record, in the stored events, and in what they fold to. One row for each;
-- one that comes back after it was resolved is a new row.
CREATE TABLE audit_finding (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint    text             NOT NULL,
    order_key      text COLLATE "C" NOT NULL,
    part           text             NOT NULL CHECK (part IN ('legacy', 'events', 'fold')),
    kind           text             NOT NULL,
    cause          text             NOT NULL DEFAULT '',
    at             timestamptz,               -- of the record or the event
    position       bigint,                    -- of the event
    detail         text             NOT NULL,
    mark           bytea            NOT NULL, -- a hash of at, position and detail
    state          text             NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved', 'accepted')),
    first_seen     timestamptz      NOT NULL,
    last_seen      timestamptz      NOT NULL,
    resolved_at    timestamptz,
    first_pass     bigint           NOT NULL, -- passes are pruned sooner: no foreign key
    last_pass      bigint           NOT NULL,
    accepted_by    text             NOT NULL DEFAULT '',
    accepted_why   text             NOT NULL DEFAULT '',
    accepted_at    timestamptz,
    accepted_until timestamptz,
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL)),
    CHECK (state <> 'accepted' OR accepted_until IS NOT NULL)
);
CREATE UNIQUE INDEX audit_finding_unresolved ON audit_finding (fingerprint, order_key, part, kind, mark) WHERE state <> 'resolved';
CREATE INDEX audit_finding_pass ON audit_finding (last_pass, id);
CREATE INDEX audit_finding_resolved ON audit_finding (resolved_at) WHERE state = 'resolved';
