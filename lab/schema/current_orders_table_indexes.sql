CREATE UNIQUE INDEX current_orders_key ON current_orders (order_id);
CREATE INDEX current_orders_updated_at ON current_orders (updated_at);
