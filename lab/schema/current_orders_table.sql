-- The read model without a history of events behind it, for benchmarks.
CREATE TABLE current_orders (
    order_id        bigint         NOT NULL,
    trader_id       integer        NOT NULL,
    symbol          text           NOT NULL,
    side            text           NOT NULL,
    quantity        numeric(18, 4) NOT NULL,
    price           numeric(18, 4) NOT NULL,
    status          text           NOT NULL,
    filled_quantity numeric(18, 4) NOT NULL,
    avg_fill_price  numeric(18, 6),
    created_at      timestamptz    NOT NULL,
    updated_at      timestamptz    NOT NULL
);
