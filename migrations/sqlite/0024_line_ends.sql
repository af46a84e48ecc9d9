-- The keys of a line that end by their own end in a period.
CREATE INDEX api_key_line_ends ON api_key (line_id, expires_at) WHERE expires_at IS NOT NULL AND state = 'active';
