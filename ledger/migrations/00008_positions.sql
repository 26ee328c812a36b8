-- +goose Up

-- Position 0 and positions below it are positions like others. No position is the smallest bigint; it was 0.
UPDATE stream_state SET claimed_from = -9223372036854775808 WHERE claimed_from = 0;
UPDATE stream_state SET excused = -9223372036854775808 WHERE excused = 0;
UPDATE stream_state SET checked = -9223372036854775808 WHERE checked = 0;
UPDATE stream_partition SET newest = -9223372036854775808 WHERE newest = 0;
UPDATE stream_partition SET first_position = -9223372036854775808 WHERE first_position = 0;
