-- The new system's write side: an append-only log.
CREATE TABLE event_store (
    event_id   bigint GENERATED ALWAYS AS IDENTITY,
    order_id   bigint      NOT NULL,
    event_type text        NOT NULL,
    timestamp  timestamptz NOT NULL,
    payload    jsonb       NOT NULL
);
