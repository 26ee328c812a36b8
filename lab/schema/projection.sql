-- The new system's read side: rows that the projector keeps, and how far it has come.
CREATE TABLE orders_projection (
    order_id        bigint PRIMARY KEY,
    trader_id       integer        NOT NULL,
    symbol          text           NOT NULL,
    side            text           NOT NULL,
    quantity        numeric(18, 4) NOT NULL,
    price           numeric(18, 4) NOT NULL,
    status          text           NOT NULL,
    filled_quantity numeric(18, 4),          -- never NULL, except by a fault
    filled_notional numeric(38, 8) NOT NULL, -- sum of quantity times price, exact, so that the average is too
    avg_fill_price  numeric(18, 6),
    created_at      timestamptz    NOT NULL,
    updated_at      timestamptz    NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE projector (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    position bigint NOT NULL -- the last position that was applied
);
INSERT INTO projector (position) VALUES (0);
