-- Where the clients of the system read and write: at legacy, or event_sourced. A cutover switches these rows.
CREATE TABLE IF NOT EXISTS app_config (
    name  text PRIMARY KEY,
    value text NOT NULL CHECK (value IN ('legacy', 'event_sourced'))
);
INSERT INTO app_config VALUES ('read_source', 'legacy'), ('write_mode', 'legacy') ON CONFLICT DO NOTHING;
-- What a probe writes by the clients' way, wherever that leads.
CREATE TABLE IF NOT EXISTS probes (at_new boolean NOT NULL);
