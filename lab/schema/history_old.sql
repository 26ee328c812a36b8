-- What legacy has kept of the orders up to $1, which are older than the shadow writes: of some the audit log is lost, of some
-- every record. A cancel did not always touch the row. A job entered some orders on the hour. If $2 is true, the clock of
-- that time had whole seconds.
UPDATE history SET
    modified = modified AND NOT (unlogged AND (fills > 0 OR status = 'CANCELED')), -- the last write of a row has a record
    fills = CASE WHEN purged AND status IN ('FILLED', 'CANCELED') THEN 0 ELSE fills END, -- trades of a working order are needed
    created_at = date_trunc(CASE WHEN on_the_hour THEN 'hour' ELSE clock END, created_at), modified_at = date_trunc(clock, modified_at),
    fill1_at = date_trunc(clock, fill1_at), fill2_at = date_trunc(clock, fill2_at), fill3_at = date_trunc(clock, fill3_at),
    updated_at = date_trunc(clock, CASE
        WHEN updated_at = created_at AND on_the_hour THEN date_trunc('hour', created_at)
        WHEN status <> 'CANCELED' OR NOT untouched THEN updated_at
        WHEN fills = 2 THEN fill2_at
        WHEN fills = 1 THEN fill1_at
        WHEN modified THEN modified_at
        WHEN on_the_hour THEN date_trunc('hour', created_at)
        ELSE created_at END)
FROM (
    SELECT i,
           hashint8extended(i * 16 + 10, $3::bigint) & 2147483647 AS r10,
           hashint8extended(i * 16 + 11, $3::bigint) & 2147483647 AS r11
    FROM generate_series((SELECT min(order_id) FROM history), least($1::bigint, (SELECT max(order_id) FROM history))) AS i
) AS draws
CROSS JOIN LATERAL (
    SELECT r10 % 100 < 12 AS unlogged, r10 % 100 < 2 AS purged, r11 % 100 < 20 AS untouched, r11 / 128 % 200 = 0 AS on_the_hour,
           CASE WHEN $2::boolean THEN 'second' ELSE 'microseconds' END AS clock
) AS kept
WHERE order_id = i
