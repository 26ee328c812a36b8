-- The legacy side for compose.yaml: five orders, with their audit log and trades.
CREATE TABLE orders (
    order_id        bigint PRIMARY KEY,
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
CREATE INDEX orders_updated_at ON orders (updated_at);
CREATE TABLE audit_log (
    entity_id     bigint      NOT NULL,
    timestamp     timestamptz NOT NULL,
    field_changed text        NOT NULL,
    old_value     text,
    new_value     text
);
CREATE TABLE trades (
    order_id    bigint         NOT NULL,
    executed_at timestamptz    NOT NULL,
    quantity    numeric(18, 4) NOT NULL,
    price       numeric(18, 4) NOT NULL
);
INSERT INTO orders VALUES
    (1, 7, 'AAPL', 'BUY', 100, 190.25, 'FILLED', 100, 190.350000, '2026-01-05T09:31:00Z', '2026-01-05T09:31:20Z'),
    (2, 7, 'MSFT', 'SELL', 50, 410.00, 'CANCELED', 0, NULL, '2026-01-05T09:32:00Z', '2026-01-05T09:32:10Z'),
    (3, 9, 'NVDA', 'BUY', 30, 120.10, 'FILLED', 30, 120.100000, '2026-01-05T09:33:00Z', '2026-01-05T09:33:10Z'),
    (4, 11, 'KO', 'BUY', 500, 61.75, 'PARTIALLY_FILLED', 200, 61.750000, '2026-01-05T09:34:00Z', '2026-01-05T09:34:10Z'),
    (5, 11, 'V', 'SELL', 20, 275.00, 'OPEN', 0, NULL, '2026-01-05T09:35:00Z', '2026-01-05T09:35:00Z');
INSERT INTO audit_log VALUES
    (1, '2026-01-05T09:31:10Z', 'status', 'OPEN', 'PARTIALLY_FILLED'),
    (1, '2026-01-05T09:31:20Z', 'status', 'PARTIALLY_FILLED', 'FILLED'),
    (2, '2026-01-05T09:32:10Z', 'status', 'OPEN', 'CANCELED'),
    (3, '2026-01-05T09:33:10Z', 'status', 'OPEN', 'FILLED'),
    (4, '2026-01-05T09:34:10Z', 'status', 'OPEN', 'PARTIALLY_FILLED');
INSERT INTO trades VALUES
    (1, '2026-01-05T09:31:10Z', 60, 190.25),
    (1, '2026-01-05T09:31:20Z', 40, 190.50),
    (3, '2026-01-05T09:33:10Z', 30, 120.10),
    (4, '2026-01-05T09:34:10Z', 200, 61.75);
GRANT SELECT ON orders, audit_log, trades TO crosscheck;
