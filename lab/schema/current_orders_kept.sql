-- What readers see, if the projector writes it with each batch: the rows that it keeps, under the readers' name. The projector goes on to
-- use its own name.
DROP MATERIALIZED VIEW current_orders;
ALTER TABLE orders_projection RENAME TO current_orders;
CREATE INDEX current_orders_updated_at ON current_orders (updated_at);
CREATE VIEW orders_projection AS SELECT * FROM current_orders;
ANALYZE current_orders;
