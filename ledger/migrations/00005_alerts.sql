-- +goose Up

-- What people are told of, one thread each. The one open incident of a key is found by the index.
CREATE TABLE incident (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text             NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    fingerprint text             NOT NULL,
    severity    text             NOT NULL,
    open        boolean          NOT NULL,
    opened_at   timestamptz      NOT NULL,
    told_at     timestamptz      NOT NULL,
    resolved_at timestamptz,
    count       bigint           NOT NULL,
    peak        bigint           NOT NULL,
    told        text             NOT NULL,
    body        jsonb            NOT NULL, -- of the parent, as enqueued last
    channel     text             NOT NULL DEFAULT '', -- where the parent is, once it was sent
    ts          text             NOT NULL DEFAULT '',
    CHECK (open = (resolved_at IS NULL))
);
CREATE UNIQUE INDEX incident_open ON incident (kind, subject, fingerprint) WHERE open;
CREATE INDEX incident_newest ON incident (kind, id);

-- Messages on their way. A message is marked as attempted before it is sent: one that was attempted and is not done may
-- have arrived, and is looked for before it is sent again.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id  bigint      NOT NULL REFERENCES incident ON DELETE CASCADE,
    marker       uuid        NOT NULL DEFAULT gen_random_uuid() UNIQUE, -- travels with the message
    op           text        NOT NULL CHECK (op IN ('parent', 'edit', 'reply')),
    body         jsonb       NOT NULL,
    created_at   timestamptz NOT NULL,
    not_before   timestamptz,           -- end of the quiet hours
    retry_at     timestamptz,           -- nothing is sent to Slack before, whatever it is
    attempts     integer     NOT NULL DEFAULT 0,
    attempted_at timestamptz,           -- of the first attempt whose outcome is not known
    error        text        NOT NULL DEFAULT '',
    done_at      timestamptz,
    outcome      text        NOT NULL DEFAULT '' CHECK (outcome IN ('', 'sent', 'refused')),
    CHECK ((done_at IS NULL) = (outcome = ''))
);
CREATE INDEX outbox_pending ON outbox (incident_id, id) WHERE done_at IS NULL;
