SELECT order_id, f.at, f.quantity, f.price
FROM history
CROSS JOIN LATERAL (VALUES (1, fill1_at, quantity1, price1), (2, fill2_at, quantity2, price2), (3, fill3_at, quantity3, price3))
    AS f (n, at, quantity, price)
WHERE f.n <= fills
