SELECT order_id, modified_at, 'price', first_price::text, price::text
FROM history
WHERE modified
