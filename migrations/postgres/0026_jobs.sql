-- Jobs: work on what all nodes share, done now and then by one of them.

CREATE TABLE job (
    name     text PRIMARY KEY,
    -- The turn in progress, and when another may begin at the latest.
    turn     uuid,
    ends_at  timestamptz,
    -- When the last turn ended, and where it stopped.
    ended_at timestamptz,
    cursor   text,
    CONSTRAINT job_turn_whole CHECK ((turn IS NULL) = (ends_at IS NULL))
);
INSERT INTO job (name) VALUES ('refresh_families'), ('idle_keys');
