-- +goose Up
-- No schema is named here: every connection has its search_path pinned to the ledger's own schema.

-- The right to write, one row a job. Rows are never deleted, so that tokens grow for ever.
-- (job, token) is unique for the sake of row locks only: it makes the token a key column, so that writers can
-- hold FOR KEY SHARE, which a take-over waits for and a renewal does not.
CREATE TABLE lease (
    job         text COLLATE "C" PRIMARY KEY,
    token       bigint      NOT NULL CHECK (token >= 0), -- 0 is given to nobody
    holder      text        NOT NULL,
    acquired_at timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    UNIQUE (job, token)
);

CREATE TABLE pass (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text             NOT NULL,
    state           text             NOT NULL CHECK (state IN ('scanning', 'settling', 'done')),
    trigger         text             NOT NULL,
    scheduled_at    timestamptz,
    fingerprint     text             NOT NULL,
    job             text COLLATE "C" NOT NULL,
    token           bigint           NOT NULL, -- 0 where no process ever ran it
    started_at      timestamptz      NOT NULL,
    scanned_at      timestamptz,
    finished_at     timestamptz,
    legacy_rows     bigint           NOT NULL DEFAULT 0,
    projection_rows bigint           NOT NULL DEFAULT 0,
    compared        bigint           NOT NULL DEFAULT 0,
    sampled         bigint           NOT NULL DEFAULT 0,
    coverage        double precision NOT NULL DEFAULT 0,
    scan_reason     text             NOT NULL DEFAULT '',
    counts          jsonb,
    -- Group → rows of settled suspects in legacy and in the projection, and orders left unjudged. Apart from counts,
    -- which the scan writes once: suspects are settled before and after it.
    settled         jsonb            NOT NULL DEFAULT '{}',
    mismatches      bigint           NOT NULL DEFAULT 0,
    verdict         text             NOT NULL DEFAULT ''
                    CHECK (verdict IN ('', 'match', 'lagging', 'diverged', 'unverified')),
    diverged        bigint           NOT NULL DEFAULT 0,
    lagging         bigint           NOT NULL DEFAULT 0,
    unverified      bigint           NOT NULL DEFAULT 0,
    reason          text             NOT NULL DEFAULT '',
    tally_match      bigint          NOT NULL DEFAULT 0,
    tally_diverged   bigint          NOT NULL DEFAULT 0,
    tally_lagging    bigint          NOT NULL DEFAULT 0,
    tally_unverified bigint          NOT NULL DEFAULT 0,
    sampled_diverged bigint          NOT NULL DEFAULT 0,
    sampled_unjudged bigint          NOT NULL DEFAULT 0, -- drawn uniformly, ended lagging or unverified
    CHECK ((state = 'done') = (finished_at IS NOT NULL)),
    CHECK ((state = 'done') = (verdict <> '')),
    CHECK (state <> 'settling' OR scanned_at IS NOT NULL),
    -- Half a pass never reads as a full one, whatever the program does.
    CONSTRAINT match_needs_a_whole_scan CHECK (verdict <> 'match' OR scanned_at IS NOT NULL)
);
CREATE UNIQUE INDEX pass_scheduled ON pass (kind, scheduled_at) WHERE scheduled_at IS NOT NULL;
CREATE INDEX pass_newest ON pass (kind, fingerprint, id);
CREATE INDEX pass_running ON pass (kind) WHERE state <> 'done';

-- The recheck queue. No foreign key: every write locks its pass, and a pass is pruned only when it is done.
CREATE TABLE suspect (
    pass_id            bigint           NOT NULL,
    order_key          text COLLATE "C" NOT NULL,
    observed_at        timestamptz      NOT NULL,
    legacy_state       bytea            NOT NULL, -- bytes: a state is opaque and need not be text
    projection_state   bytea            NOT NULL,
    mismatch           jsonb,
    legacy_changed_at  timestamptz      NOT NULL, -- Go's zero time is a time to PostgreSQL too
    projection_reached timestamptz      NOT NULL,
    attempts           integer          NOT NULL,
    first_seen         timestamptz      NOT NULL,
    due                timestamptz      NOT NULL,
    in_sample          boolean          NOT NULL,
    legacy_group       text             NOT NULL, -- in which the scan counted the order; '' for in none
    projection_group   text             NOT NULL,
    PRIMARY KEY (pass_id, order_key)
);

-- What was found under one fingerprint says nothing of another: a pass that compares less must not resolve it.
CREATE TABLE divergence (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint       text             NOT NULL,
    order_key         text COLLATE "C" NOT NULL,
    hop               text             NOT NULL,
    kind              text             NOT NULL,
    cause             text             NOT NULL DEFAULT '',
    fields            jsonb            NOT NULL,
    legacy_copies     integer          NOT NULL,
    projection_copies integer          NOT NULL,
    state             text             NOT NULL CHECK (state IN ('open', 'resolved', 'accepted')),
    first_seen        timestamptz      NOT NULL,
    last_seen         timestamptz      NOT NULL,
    resolved_at       timestamptz,
    found_by          text             NOT NULL,
    first_pass        bigint           NOT NULL, -- passes are pruned sooner than divergences: no foreign key
    last_pass         bigint           NOT NULL,
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
-- One that comes back after it was resolved is a new row; until then there is one.
CREATE UNIQUE INDEX divergence_unresolved ON divergence (fingerprint, order_key, hop) WHERE state <> 'resolved';
CREATE INDEX divergence_open ON divergence (first_seen, order_key) WHERE state = 'open';
CREATE INDEX divergence_resolved ON divergence (resolved_at, order_key) WHERE state = 'resolved';

-- Which pass opened or renewed which divergence: last_pass alone would lose it to a pass that runs beside.
CREATE TABLE sighting (
    pass_id       bigint NOT NULL,
    divergence_id bigint NOT NULL,
    PRIMARY KEY (pass_id, divergence_id)
);

-- When the next scheduled run of a kind is due; outlives the process, so that a missed run can be noticed.
CREATE TABLE schedule (
    kind     text PRIMARY KEY,
    next_due timestamptz NOT NULL,
    every    interval    NOT NULL,
    set_at   timestamptz NOT NULL
);
