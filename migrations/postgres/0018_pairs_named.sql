-- The pairs of a name, for an overwrite: by the name that they were made with.
--
-- A migration of its own: the one before locks the table against reads, and this statement takes long on a large one.
-- The index by the present name goes one release later: nodes of the version before still use it.

SET LOCAL lock_timeout = '2s';

CREATE INDEX api_key_pairs_named ON api_key (account_id, coalesce(pair_name, name))
    WHERE pair_id IS NOT NULL AND state = 'active';
