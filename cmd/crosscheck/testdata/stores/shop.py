"""Writes orders with the library eventsourcing into the database of the DSN, and beside them legacy's table."""
import os
import random
import sys
from decimal import Decimal

import psycopg
from psycopg.conninfo import conninfo_to_dict

dsn = sys.argv[1]
at = conninfo_to_dict(dsn)
os.environ.update(PERSISTENCE_MODULE="eventsourcing.postgres", POSTGRES_DBNAME=at["dbname"], POSTGRES_HOST=at.get("host", "127.0.0.1"),
                  POSTGRES_PORT=str(at.get("port", 5432)), POSTGRES_USER=at["user"], POSTGRES_PASSWORD=at.get("password", "x"))

from eventsourcing.application import Application  # noqa: E402 (reads the environment)
from eventsourcing.domain import Aggregate, event  # noqa: E402


class Order(Aggregate):
    @event("Placed")
    def __init__(self, account: str, side: str, qty: Decimal, limit: Decimal):
        self.account, self.side, self.qty, self.limit = account, side, qty, limit
        self.done, self.notional, self.state = Decimal(0), Decimal(0), "new"

    @event("Repriced")
    def reprice(self, limit: Decimal):
        self.limit = limit

    @event("Amended")
    def amend(self, qty: Decimal, limit: Decimal):
        self.qty, self.limit = qty, limit

    @event("Executed")
    def execute(self, exec_id: str, qty: Decimal, price: Decimal):
        self.done += qty
        self.notional += qty * price
        self.state = "done" if self.done >= self.qty else "working"

    @event("Cancelled")
    def cancel(self, by: str):
        self.state = "cancelled"


class Desk(Application):
    pass


r = random.Random(1)
desk, rows = Desk(), []
for i in range(40):
    o = Order(f"acc{i % 7}", r.choice(["BUY", "SELL"]), Decimal(r.randint(1, 900)), Decimal(r.randint(1000, 9000000)) / 10000)
    desk.save(o)
    if r.random() < .4:
        o.reprice(Decimal(r.randint(1000, 9000000)) / 10000)
        desk.save(o)
    if r.random() < .3:
        o.amend(o.qty + 10, o.limit + Decimal("0.05"))
        desk.save(o)
    while r.random() < .7 and o.done < o.qty:
        o.execute(f"x{i}", min(o.qty - o.done, Decimal(r.randint(1, 500))), o.limit)
        desk.save(o)
    if o.state == "new" and r.random() < .5:
        o.cancel("trader")
        desk.save(o)
    rows.append((o.id, o.account, o.side, o.qty, o.limit, o.state, o.done, o.notional / o.done if o.done else None, o.created_on, o.modified_on))
with psycopg.connect(dsn) as c:
    c.execute("""create table legacy_orders (order_id uuid primary key, account text, side text, qty numeric(18,4), limit_price numeric(18,4),
        state text, done numeric(18,4), avg_px numeric(18,6), created_at timestamptz, updated_at timestamptz)""")
    c.cursor().executemany("insert into legacy_orders values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", rows)
