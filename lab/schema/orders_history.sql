SELECT order_id, event_type, at, payload
FROM (
    SELECT order_id, 'OrderCreated' AS event_type, created_at AS at,
           jsonb_build_object('trader_id', trader_id, 'symbol', symbol, 'side', side, 'quantity', quantity, 'price', first_price) AS payload
    FROM history
    UNION ALL
    SELECT order_id, 'OrderModified', modified_at,
           jsonb_build_object('field', 'price', 'old_value', first_price::text, 'new_value', price::text)
    FROM history WHERE modified
    UNION ALL
    SELECT order_id, 'OrderPartiallyFilled', fill1_at,
           jsonb_build_object('filled_quantity', quantity1, 'remaining_quantity', remaining1, 'price', price1)
    FROM history WHERE fills > 1 OR fills = 1 AND status <> 'FILLED'
    UNION ALL
    SELECT order_id, 'OrderPartiallyFilled', fill2_at,
           jsonb_build_object('filled_quantity', quantity2, 'remaining_quantity', remaining2, 'price', price2)
    FROM history WHERE fills > 2 OR fills = 2 AND status <> 'FILLED'
    UNION ALL
    SELECT order_id, 'OrderFilled', updated_at,
           jsonb_build_object('quantity', CASE fills WHEN 1 THEN quantity1 WHEN 2 THEN quantity2 ELSE quantity3 END,
                              'price', CASE fills WHEN 1 THEN price1 WHEN 2 THEN price2 ELSE price3 END)
    FROM history WHERE status = 'FILLED'
    UNION ALL
    SELECT order_id, 'OrderCanceled', canceled_at, jsonb_build_object('reason', 'TRADER_CANCEL')
    FROM history WHERE status = 'CANCELED'
) AS e
ORDER BY order_id, at
