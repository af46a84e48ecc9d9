-- The windows over what a creator made in a line. An empty id stands for the operator.
CREATE INDEX api_key_line_creators ON api_key (line_id, coalesce(created_by, x''), id);
