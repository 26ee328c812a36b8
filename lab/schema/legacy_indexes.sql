-- Built after the history is loaded, which is much faster than keeping them up row by row.
ALTER TABLE orders ADD PRIMARY KEY (order_id);
ALTER TABLE orders ADD CHECK (side IN ('BUY', 'SELL'));
ALTER TABLE orders ADD CHECK (status IN ('OPEN', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED'));
CREATE INDEX orders_updated_at ON orders (updated_at);
ALTER TABLE audit_log ADD PRIMARY KEY (audit_id);
CREATE INDEX audit_log_entity ON audit_log (entity_id, timestamp);
ALTER TABLE trades ADD PRIMARY KEY (trade_id);
CREATE INDEX trades_order ON trades (order_id, executed_at);
