-- The windows over the keys of a line in one state.
CREATE INDEX api_key_line_window ON api_key (line_id, state, id);
