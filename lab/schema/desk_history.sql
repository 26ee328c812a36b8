SELECT 'order-' || order_id, type, at AT TIME ZONE 'UTC', convert_to(data::text, 'UTF8')
FROM (
    SELECT order_id, 'Placed' AS type, created_at AS at,
           json_build_object('traderId', trader_id, 'symbol', symbol, 'side', CASE side WHEN 'BUY' THEN '1' ELSE '2' END,
                             'orderQty', quantity::text, 'limitPrice', desk.money(first_price),
                             'placedAt', floor(extract(epoch FROM created_at))::bigint) AS data
    FROM history
    UNION ALL
    SELECT order_id, 'PriceChanged', modified_at, json_build_object('limitPrice', desk.money(price))
    FROM history WHERE modified
    UNION ALL
    SELECT order_id, 'Executed', fill1_at, json_build_object('lastQty', quantity1::text, 'leavesQty', remaining1::text, 'lastPx', desk.money(price1))
    FROM history WHERE fills > 1 OR fills = 1 AND status <> 'FILLED'
    UNION ALL
    SELECT order_id, 'Executed', fill2_at, json_build_object('lastQty', quantity2::text, 'leavesQty', remaining2::text, 'lastPx', desk.money(price2))
    FROM history WHERE fills > 2 OR fills = 2 AND status <> 'FILLED'
    UNION ALL
    SELECT order_id, 'Executed', updated_at,
           json_build_object('lastQty', (CASE fills WHEN 1 THEN quantity1 WHEN 2 THEN quantity2 ELSE quantity3 END)::text, 'leavesQty', '0.0000',
                             'lastPx', desk.money(CASE fills WHEN 1 THEN price1 WHEN 2 THEN price2 ELSE price3 END))
    FROM history WHERE status = 'FILLED'
    UNION ALL
    SELECT order_id, 'Cancelled', canceled_at, json_build_object('text', 'by trader')
    FROM history WHERE status = 'CANCELED'
) AS e
ORDER BY order_id, at
