-- +goose Up

-- What each process that drove a cutover saw of it by the clients' way, for good.
CREATE TABLE cutover_client (
    id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text        COLLATE "C" NOT NULL,
    run  text        COLLATE "C" NOT NULL,
    seen jsonb       NOT NULL,
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
