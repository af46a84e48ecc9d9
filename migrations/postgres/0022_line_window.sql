-- The windows over the keys of a line in one state. Each index is a migration of its own, so that changes of keys,
-- which wait meanwhile, go on in between.

SET LOCAL lock_timeout = '2s';

CREATE INDEX api_key_line_window ON api_key (line_id, state, id);
