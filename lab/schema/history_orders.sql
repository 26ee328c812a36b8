SELECT order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, avg_fill_price, created_at, updated_at
FROM history
