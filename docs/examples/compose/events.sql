-- The new side for compose.yaml: the event store, and the projection that a projector made of it.
CREATE TABLE event_store (
    event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id   bigint      NOT NULL,
    event_type text        NOT NULL,
    timestamp  timestamptz NOT NULL,
    payload    jsonb       NOT NULL
);
CREATE INDEX event_store_order ON event_store (order_id, event_id);
CREATE TABLE current_orders (
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
CREATE INDEX current_orders_updated_at ON current_orders (updated_at);
INSERT INTO event_store (order_id, event_type, timestamp, payload) VALUES
    (1, 'OrderCreated', '2026-01-05T09:31:00Z', '{"trader_id": 7, "symbol": "AAPL", "side": "BUY", "quantity": "100", "price": "190.25"}'),
    (1, 'OrderPartiallyFilled', '2026-01-05T09:31:10Z', '{"filled_quantity": "60", "remaining_quantity": "40", "price": "190.25"}'),
    (1, 'OrderFilled', '2026-01-05T09:31:20Z', '{"quantity": "40", "price": "190.50"}'),
    (2, 'OrderCreated', '2026-01-05T09:32:00Z', '{"trader_id": 7, "symbol": "MSFT", "side": "SELL", "quantity": "50", "price": "410.00"}'),
    (2, 'OrderCanceled', '2026-01-05T09:32:10Z', '{"reason": "user"}'),
    (3, 'OrderCreated', '2026-01-05T09:33:00Z', '{"trader_id": 9, "symbol": "NVDA", "side": "BUY", "quantity": "30", "price": "120.10"}'),
    (3, 'OrderFilled', '2026-01-05T09:33:10Z', '{"quantity": "30", "price": "120.10"}'),
    (4, 'OrderCreated', '2026-01-05T09:34:00Z', '{"trader_id": 11, "symbol": "KO", "side": "BUY", "quantity": "500", "price": "61.75"}'),
    (4, 'OrderPartiallyFilled', '2026-01-05T09:34:10Z', '{"filled_quantity": "200", "remaining_quantity": "300", "price": "61.75"}'),
    (5, 'OrderCreated', '2026-01-05T09:35:00Z', '{"trader_id": 11, "symbol": "V", "side": "SELL", "quantity": "20", "price": "275.00"}');
INSERT INTO current_orders VALUES
    (1, 7, 'AAPL', 'BUY', 100, 190.25, 'FILLED', 100, 190.350000, '2026-01-05T09:31:00Z', '2026-01-05T09:31:20Z'),
    (2, 7, 'MSFT', 'SELL', 50, 410.00, 'CANCELED', 0, NULL, '2026-01-05T09:32:00Z', '2026-01-05T09:32:10Z'),
    (3, 9, 'NVDA', 'BUY', 30, 120.10, 'FILLED', 30, 120.100000, '2026-01-05T09:33:00Z', '2026-01-05T09:33:10Z'),
    (4, 11, 'KO', 'BUY', 500, 61.75, 'PARTIALLY_FILLED', 200, 61.750000, '2026-01-05T09:34:00Z', '2026-01-05T09:34:10Z'),
    (5, 11, 'V', 'SELL', 20, 275.00, 'OPEN', 0, NULL, '2026-01-05T09:35:00Z', '2026-01-05T09:35:00Z');
GRANT SELECT ON event_store, current_orders TO crosscheck;
CREATE SCHEMA crosscheck AUTHORIZATION crosscheck; -- the ledger
