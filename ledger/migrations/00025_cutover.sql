-- +goose Up

-- The journals of cutovers, for good. A number of a run has one intent, whose outcome is empty, and one outcome.
CREATE TABLE cutover_record (
    id        bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order of writing: one lease at a time may write
    pair      text    COLLATE "C" NOT NULL,
    run       text    COLLATE "C" NOT NULL,
    seq       integer NOT NULL,
    epoch     bigint  NOT NULL, -- the token of the lease under which it was written
    verb      text    NOT NULL, -- empty if the run had ended
    step      text    NOT NULL,
    slice     text    NOT NULL,
    outcome   text    NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    positions jsonb, -- what was read, by name
    detail    text    NOT NULL
);
CREATE UNIQUE INDEX cutover_record_once ON cutover_record (pair, run, seq, (outcome = ''));

-- +goose StatementBegin
CREATE FUNCTION cutover_record_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal of a cutover is never changed';
END $$;
-- +goose StatementEnd
CREATE TRIGGER cutover_record_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON cutover_record
    FOR EACH STATEMENT EXECUTE FUNCTION cutover_record_stays();
