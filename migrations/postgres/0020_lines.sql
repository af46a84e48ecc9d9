-- Finding keys among all keys of a partner (contract, section 15). A key's line is the account directly below the
-- platform that holds the key or is above its account; for a key of the platform, the platform. The next migration
-- fills the column.

SET LOCAL lock_timeout = '2s';

-- Set by this service, or else by the triggers.
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
