-- Finding keys among all keys of a partner (contract, section 15). A key's line is the account directly below the
-- platform that holds the key or is above its account; for a key of the platform, the platform.

SET LOCAL lock_timeout = '2s';

ALTER TABLE api_key ADD COLUMN line_id uuid;

CREATE FUNCTION set_line_of_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An unknown account is refused by its own constraint.
    NEW.line_id := coalesce((
        SELECT CASE WHEN p.parent_id IS NULL THEN a.id ELSE p.id END
        FROM account a LEFT JOIN account p ON p.id = a.parent_id WHERE a.id = NEW.account_id
    ), NEW.account_id);
    RETURN NEW;
END;
$$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION set_line_of_key() SET search_path = pg_catalog, %I, pg_temp', current_schema());
END;
$$;

UPDATE api_key k SET line_id = CASE WHEN p.parent_id IS NULL THEN a.id ELSE p.id END
FROM account a LEFT JOIN account p ON p.id = a.parent_id WHERE a.id = k.account_id;
ALTER TABLE api_key ALTER COLUMN line_id SET NOT NULL;

-- This service writes the line with the key; the previous version and statements by hand do not.
CREATE TRIGGER api_key_line BEFORE INSERT ON api_key FOR EACH ROW WHEN (NEW.line_id IS NULL)
    EXECUTE FUNCTION set_line_of_key();
CREATE TRIGGER api_key_line_moved BEFORE UPDATE OF account_id ON api_key FOR EACH ROW
    EXECUTE FUNCTION set_line_of_key();

-- Only statements by hand move accounts.
CREATE FUNCTION move_keys_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE api_key SET account_id = account_id
    WHERE account_id = NEW.id OR account_id IN (SELECT a.id FROM account a WHERE a.parent_id = NEW.id);
    RETURN NULL;
END;
$$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION move_keys_of_account() SET search_path = pg_catalog, %I, pg_temp', current_schema());
END;
$$;
CREATE TRIGGER account_moved AFTER UPDATE OF parent_id ON account FOR EACH ROW
    WHEN (OLD.parent_id IS DISTINCT FROM NEW.parent_id) EXECUTE FUNCTION move_keys_of_account();

-- The windows over a line's keys: those of a state, and those of a creator, where the nil id stands for the operator.
CREATE INDEX api_key_line_window ON api_key (line_id, state, id);
CREATE INDEX api_key_line_creators ON api_key
    (line_id, coalesce(created_by, '00000000-0000-0000-0000-000000000000'::uuid), id);
-- Keys that end by their own end.
CREATE INDEX api_key_line_ends ON api_key (line_id, expires_at) WHERE expires_at IS NOT NULL AND state = 'active';
-- Accounts with a policy of their own.
CREATE INDEX account_policies ON account (parent_id) WHERE policy IS NOT NULL;
