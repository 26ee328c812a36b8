-- The numbers of orders that are entered at the new system, far ahead of those of legacy.
CREATE SEQUENCE IF NOT EXISTS order_ids START 1000000000;
