-- +goose Up

-- Names as the follower has them.
ALTER TABLE stream_touched RENAME TO stream_changed;
ALTER INDEX stream_touched_pkey RENAME TO stream_changed_pkey;
ALTER INDEX stream_touched_mark RENAME TO stream_changed_mark;
ALTER TABLE stream_stray RENAME TO stream_unmatched;
ALTER TABLE stream_unmatched RENAME COLUMN judged TO ghost;
ALTER INDEX stream_stray_pkey RENAME TO stream_unmatched_pkey;
ALTER INDEX stream_stray_due RENAME TO stream_unmatched_due;
ALTER TABLE stream_state RENAME COLUMN excused TO uncertain_to;
