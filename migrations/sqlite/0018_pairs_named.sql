-- The pairs of a name, for an overwrite: by the name that they were made with. In place of the index by the present
-- name, which nothing reads any more.

CREATE INDEX api_key_pairs_named ON api_key (account_id, coalesce(pair_name, name))
    WHERE pair_id IS NOT NULL AND state = 'active';
DROP INDEX api_key_pair_names;
