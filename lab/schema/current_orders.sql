-- What readers see. It lags behind orders_projection until the next refresh.
CREATE MATERIALIZED VIEW current_orders AS
SELECT order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, avg_fill_price, created_at, updated_at
FROM orders_projection;
CREATE UNIQUE INDEX current_orders_key ON current_orders (order_id);
CREATE INDEX current_orders_updated_at ON current_orders (updated_at);
