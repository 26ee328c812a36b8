-- 2,000 orders, negative keys and gaps among them; the same on every run.
CREATE TABLE orders (
    order_id        bigint PRIMARY KEY,
    side            text           NOT NULL,
    quantity        numeric(18, 4) NOT NULL,
    status          text           NOT NULL,
    filled_quantity numeric(18, 4) NOT NULL,
    avg_fill_price  numeric(18, 6),
    updated_at      timestamptz    NOT NULL
);
INSERT INTO orders
SELECT id, CASE WHEN id % 2 = 0 THEN 'BUY' ELSE 'SELL' END, 100 + abs(id), status,
       CASE status WHEN 'FILLED' THEN 100 + abs(id) WHEN 'OPEN' THEN 0 ELSE 50.5 END,
       CASE status WHEN 'OPEN' THEN NULL ELSE 1.25 + abs(id) END,
       timestamptz '2024-03-01 09:00:00Z' + (id + 100) * interval '1 minute'
FROM (SELECT id, (ARRAY ['OPEN', 'FILLED', 'PARTIALLY_FILLED', 'CANCELED'])[1 + abs(id) % 4] AS status
      FROM (SELECT g * 3 - 100 AS id FROM generate_series(0, 1999) AS g) AS ids) AS orders;
CREATE INDEX ON orders (updated_at);
ANALYZE orders;
