-- Nothing to do: the embedded database has no leases and no TRUNCATE. Its one process looks at the clock right before it
-- commits.
SELECT 1;
