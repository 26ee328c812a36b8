-- The life of orders $1 to $2, as numbers: every row a function of the order's id and the seed $3, so that both
-- databases generate the same life without talking to each other. Amounts are ten-thousandths (…_u), exact.
-- $4: when the first order was created, $5: microseconds from one order to the next.
DROP TABLE IF EXISTS pg_temp.history;
CREATE TEMPORARY TABLE history AS
WITH draws AS (
    SELECT i AS order_id,
           hashint8extended(i * 16,      $3::bigint) & 2147483647 AS gap,
           hashint8extended(i * 16 + 1,  $3::bigint) & 2147483647 AS r1,
           hashint8extended(i * 16 + 2,  $3::bigint) & 2147483647 AS r2,
           hashint8extended(i * 16 + 3,  $3::bigint) & 2147483647 AS r3,
           hashint8extended(i * 16 + 4,  $3::bigint) & 2147483647 AS r4,
           hashint8extended(i * 16 + 5,  $3::bigint) & 2147483647 AS r5,
           hashint8extended(i * 16 + 6,  $3::bigint) & 2147483647 AS r6,
           hashint8extended(i * 16 + 7,  $3::bigint) & 2147483647 AS r7,
           hashint8extended(i * 16 + 8,  $3::bigint) & 2147483647 AS r8,
           hashint8extended(i * 16 + 9,  $3::bigint) & 2147483647 AS r9
    FROM generate_series($1::bigint, $2::bigint) AS i
), born AS MATERIALIZED (
    SELECT order_id, r6, r7, r8, r9,
           (1 + r1 % 40)::integer AS trader_id,
           ('{AAPL,MSFT,NVDA,AMZN,GOOG,META,TSLA,AVGO,JPM,V,MA,HD,KO,PEP,COST,CVX,XOM,MRK,ABBV,WMT,BAC,ADBE,CRM,NFLX}'::text[])[1 + r1 / 64 % 24] AS symbol,
           CASE r1 / 2048 % 2 WHEN 0 THEN 'BUY' ELSE 'SELL' END AS side,
           (10 + r2 % 200000) * 1000 AS quantity_u,
           10000 + r3 % 5000000 AS first_price_u,
           r4 % 10 < 3 AS modified,
           CASE WHEN r5 % 100 < 60 THEN 'FILLED'
                WHEN r5 % 100 < 85 THEN 'CANCELED'
                WHEN r5 % 100 < 90 THEN 'PARTIALLY_FILLED'
                ELSE 'OPEN' END AS status,
           CASE WHEN r5 % 100 < 60 THEN 1 + r5 / 128 % 3
                WHEN r5 % 100 < 85 THEN r5 / 128 % 3
                WHEN r5 % 100 < 90 THEN 1 + r5 / 128 % 2
                ELSE 0 END AS fills,
           $4::timestamptz + (order_id * $5::bigint + r9 % 1000000) * interval '1 microsecond' AS created_at
    FROM draws
    WHERE gap % 100 >= 3 -- rolled back transactions left gaps in the keys
), moved AS MATERIALIZED (
    SELECT *,
           CASE WHEN modified THEN first_price_u + 1 + r4x % 5000 ELSE first_price_u END AS price_u,
           -- cumulated quantity after each fill; what is not FILLED stays below the whole
           CASE WHEN fills < 1 THEN 0
                WHEN status = 'FILLED' AND fills = 1 THEN quantity_u
                ELSE quantity_u * (1000 + r6 % 2000) / 10000 END AS filled1_u,
           CASE WHEN fills < 2 THEN 0
                WHEN status = 'FILLED' AND fills = 2 THEN quantity_u
                ELSE quantity_u * (4000 + r6 / 4096 % 2000) / 10000 END AS filled2_u,
           CASE WHEN fills < 3 THEN 0 ELSE quantity_u END AS filled3_u
    FROM (SELECT *, r6 / 64 AS r4x FROM born) AS born
), priced AS MATERIALIZED (
    SELECT *,
           price_u * (9980 + r7 % 41) / 10000 AS price1_u,
           price_u * (9980 + r7 / 64 % 41) / 10000 AS price2_u,
           price_u * (9980 + r7 / 4096 % 41) / 10000 AS price3_u,
           greatest(filled1_u, filled2_u, filled3_u) AS filled_u,
           created_at + (1000000 + r8 % 30000000) * interval '1 microsecond' AS modified_at,
           created_at + (60000000 + r8 / 2 % 50000000) * interval '1 microsecond' AS fill1_at,
           created_at + (120000000 + r8 / 4 % 50000000) * interval '1 microsecond' AS fill2_at,
           created_at + (180000000 + r8 / 8 % 50000000) * interval '1 microsecond' AS fill3_at,
           created_at + (240000000 + r8 / 16 % 50000000) * interval '1 microsecond' AS canceled_at
    FROM moved
), life AS (
    SELECT order_id, trader_id, symbol, side, status, fills, modified,
           quantity_u * 0.0001 AS quantity,
           first_price_u * 0.0001 AS first_price,
           price_u * 0.0001 AS price,
           filled_u * 0.0001 AS filled_quantity,
           filled1_u * 0.0001 AS quantity1, price1_u * 0.0001 AS price1,
           (filled2_u - filled1_u) * 0.0001 AS quantity2, price2_u * 0.0001 AS price2,
           (filled3_u - filled2_u) * 0.0001 AS quantity3, price3_u * 0.0001 AS price3,
           round(((filled1_u * price1_u
                   + CASE WHEN fills > 1 THEN (filled2_u - filled1_u) * price2_u ELSE 0 END
                   + CASE WHEN fills > 2 THEN (filled3_u - filled2_u) * price3_u ELSE 0 END) * 0.00000001)::numeric(38, 8)
                 / nullif(filled_u * 0.0001, 0)::numeric(18, 4), 6) AS avg_fill_price,
           (quantity_u - filled1_u) * 0.0001 AS remaining1,
           (quantity_u - filled2_u) * 0.0001 AS remaining2,
           created_at, modified_at, fill1_at, fill2_at, fill3_at, canceled_at,
           CASE WHEN status = 'CANCELED' THEN canceled_at
                WHEN fills = 3 THEN fill3_at
                WHEN fills = 2 THEN fill2_at
                WHEN fills = 1 THEN fill1_at
                WHEN modified THEN modified_at
                ELSE created_at END AS updated_at
    FROM priced
)
SELECT * FROM life
