-- Jobs: work on what all nodes share, done now and then by one of them. Times are microseconds since the Unix epoch.

CREATE TABLE job (
    name     text PRIMARY KEY NOT NULL,
    -- The turn in progress, and when another may begin at the latest.
    turn     blob,
    ends_at  integer,
    -- When the last turn ended, and where it stopped.
    ended_at integer,
    cursor   text,
    CONSTRAINT job_turn_whole CHECK ((turn IS NULL) = (ends_at IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO job (name) VALUES ('refresh_families'), ('idle_keys');
