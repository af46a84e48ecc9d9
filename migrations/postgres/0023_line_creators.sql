-- The windows over what a creator made in a line. The nil id stands for the operator.

SET LOCAL lock_timeout = '2s';

CREATE INDEX api_key_line_creators ON api_key
    (line_id, coalesce(created_by, '00000000-0000-0000-0000-000000000000'::uuid), id);
