-- +goose Up

-- The ranges of a full pass that several processes share. One that is compared is in pass_range too, under the same number.
CREATE TABLE pass_plan (
    pass_id   bigint  NOT NULL REFERENCES pass ON DELETE CASCADE,
    number    integer NOT NULL,
    from_key  text COLLATE "C" NOT NULL, -- empty: no end
    below_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (pass_id, number)
);
-- The process that compared a range.
ALTER TABLE pass_range ADD COLUMN worker text NOT NULL DEFAULT '';
