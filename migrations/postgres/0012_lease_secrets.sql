-- A lease is renewed and given back by the process that took it, and by no one else that has the rights of its role.
--
-- Who renews the lease of another node says that it has forgotten what it has not, and who gives it back lets a revocation
-- be answered while that node still answers from memory. A process draws a secret, keeps it in memory alone, and says it
-- with each renewal and when it leaves; the row has its digest. Rows of processes from before this step have none: they
-- are renewed and given back as before, until the last such process has ended.

SET LOCAL lock_timeout = '2s';

ALTER TABLE node_lease ADD COLUMN secret_digest bytea
    CONSTRAINT node_lease_secret_digest CHECK (octet_length(secret_digest) = 32);

-- The secret arrives beside the statement, as a setting of its transaction: a condition of the statement would not bind
-- the next one.
CREATE FUNCTION guard_node_lease() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given text := COALESCE(current_setting('keyward.lease_secret', true), '');
BEGIN
    IF OLD.secret_digest IS DISTINCT FROM pg_catalog.sha256(pg_catalog.convert_to(given, 'UTF8'))
    AND OLD.secret_digest IS NOT NULL THEN
        RAISE EXCEPTION 'UPDATE of table node_lease is refused: node % alone renews its lease', OLD.node;
    END IF;
    IF (NEW.node, NEW.ttl_ms, NEW.started_at, NEW.version, NEW.secret_digest)
    IS DISTINCT FROM (OLD.node, OLD.ttl_ms, OLD.started_at, OLD.version, OLD.secret_digest) THEN
        RAISE EXCEPTION 'UPDATE of table node_lease is refused: what node % joined with stays as it is', OLD.node;
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER node_lease_renewed BEFORE UPDATE ON node_lease FOR EACH ROW EXECUTE FUNCTION guard_node_lease();

-- A node gives its own lease back. Returns how many rows that was.
CREATE FUNCTION leave_node_lease(leaving uuid, secret text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM set_config('keyward.gives_back_lease', leaving::text, true);
    DELETE FROM node_lease WHERE node = leaving AND secret_digest = sha256(convert_to(secret, 'UTF8'));
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('keyward.gives_back_lease', '', true);
    RETURN gone;
END;
$$;

-- The same without a secret: for the rows of processes from before, and for whoever owns the table, where no process runs
-- that could take the row away. The function has the owner's rights, so the role that called it is looked at.
CREATE OR REPLACE FUNCTION leave_node_lease(leaving uuid) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    caller name := COALESCE(NULLIF(current_setting('role', true), 'none'), session_user);
    gone bigint;
BEGIN
    PERFORM set_config('keyward.gives_back_lease', leaving::text, true);
    DELETE FROM node_lease
    WHERE node = leaving AND (secret_digest IS NULL OR has_table_privilege(caller, 'node_lease', 'DELETE'));
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('keyward.gives_back_lease', '', true);
    RETURN gone;
END;
$$;

-- A replaced function loses the settings that it had.
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY['leave_node_lease(uuid)', 'leave_node_lease(uuid, text)'] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION leave_node_lease(uuid, text) FROM PUBLIC;
