"""Installs message-db from its npm package, writes orders with its function write_message, and beside them legacy's table."""
import json
import pathlib
import random
import re
import sys
import uuid
from decimal import Decimal

import psycopg

dsn, package = sys.argv[1], pathlib.Path(sys.argv[2]) / "database"
r, rows = random.Random(2), []


def money(x):
    return {"amount": int(x * 10000), "currency": "SEK"}


with psycopg.connect(dsn, autocommit=True) as c:
    scripts = ["roles/message-store.sql", "schema/message-store.sql", "extensions/pgcrypto.sql", "tables/messages.sql"]
    for script in ("install-functions.sh", "install-indexes.sh"):  # name what they run
        scripts += re.findall(r"\$base/(\S+\.sql)", (package / script).read_text())
    for script in scripts:
        c.execute((package / script).read_text())
    c.execute("set search_path = message_store, public")

    def put(stream, kind, data):
        c.execute("select message_store.write_message(%s, %s, %s, %s)", (str(uuid.uuid4()), stream, kind, json.dumps(data)))
        return c.execute("select max(time) at time zone 'utc' from message_store.messages where stream_name = %s", (stream,)).fetchone()[0]

    for i in range(40):
        order = str(uuid.UUID(int=r.getrandbits(128), version=4))
        stream, qty, price, side = f"order-{order}", r.randint(1, 900), Decimal(r.randint(1000, 9000000)) / 10000, r.choice(["Buy", "Sell"])
        put(f"order:command-{order}", "Place", {"orderId": order})
        at = placed = put(stream, "Placed", {"orderId": order, "side": side, "orderQty": qty, "limitPrice": money(price)})
        done, notional, state = 0, Decimal(0), "NEW"
        if r.random() < .4:
            price = Decimal(r.randint(1000, 9000000)) / 10000
            at = put(stream, "PriceChanged", {"orderId": order, "limitPrice": money(price)})
        while done < qty and r.random() < .7:
            k = min(qty - done, r.randint(1, 500))
            done, notional = done + k, notional + k * price
            at = put(stream, "Executed", {"orderId": order, "lastQty": k, "lastPx": money(price), "leavesQty": qty - done})
            state = "FILLED" if done == qty else "PARTIAL"
        if state == "NEW" and r.random() < .5:
            at, state = put(stream, "Cancelled", {"orderId": order}), "CANCELLED"
        put(f"account-a{i % 5}", "OrderNoted", {"orderId": order})
        rows.append((order, side, qty, price, state, done, notional / done if done else None, placed, at))
    c.execute("""create table public.legacy_orders (order_id uuid primary key, side text, qty int, limit_price numeric(18,4), state text,
        done int, avg_px numeric(18,6), created_at timestamptz, updated_at timestamptz)""")
    c.cursor().executemany("insert into public.legacy_orders values (%s, %s, %s, %s, %s, %s, %s, %s, %s)", rows)
