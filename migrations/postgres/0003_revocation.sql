-- What was narrowed or widened, in order, and how far each change has got.
--
-- Triggers write the event, so that a statement typed by hand makes one too, in the transaction of the change. They
-- fire for what decides a verdict, and only where it became something else: never on INSERT (a key that nobody knows is
-- not remembered), and not for digest, name, usage or their own columns. They are deferred, so that the one row that
-- numbers all events is locked at the end of a transaction alone: a session that sits on its change holds up nobody.
-- That lock lasts until the commit, so numbers are consecutive, and whoever sees number n sees all before it (R1).

SET LOCAL lock_timeout = '2s';

-- The number of the last event. Half of its page stays free, so that an update finds room beside the old row.
CREATE TABLE revocation_head (
    id  boolean PRIMARY KEY DEFAULT true CONSTRAINT revocation_head_one_row CHECK (id),
    seq bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO revocation_head (seq) VALUES (0);

CREATE TABLE revocation_event (
    seq     bigint PRIMARY KEY,
    scope   text NOT NULL CONSTRAINT revocation_event_scope CHECK (scope IN ('key', 'account')),
    subject uuid NOT NULL,
    change  text NOT NULL,
    -- By the database's own clock, which a statement typed by hand has too. It says when history may be dropped, and no
    -- rule of the protocol looks at it.
    at      timestamptz NOT NULL
);

-- The nodes that answer from memory. Never UNLOGGED: after a crash a revoker would believe that there are none.
CREATE TABLE node_lease (
    node       uuid PRIMARY KEY,
    counter    bigint NOT NULL CONSTRAINT node_lease_counter CHECK (counter >= 0),
    applied    bigint NOT NULL CONSTRAINT node_lease_applied CHECK (applied >= 0),
    ttl_ms     integer NOT NULL CONSTRAINT node_lease_ttl CHECK (ttl_ms > 0),
    started_at timestamptz NOT NULL,
    renewed_at timestamptz NOT NULL,
    version    text NOT NULL
) WITH (fillfactor = 50);

-- The event that last changed the row, and when that was in force everywhere.
ALTER TABLE api_key ADD COLUMN change_seq bigint, ADD COLUMN enforced_at timestamptz;
ALTER TABLE account ADD COLUMN change_seq bigint, ADD COLUMN enforced_at timestamptz;

-- What is no longer active by now was in force at once: nothing was remembered before.
UPDATE api_key SET change_seq = 0, enforced_at = revoked_at WHERE state <> 'active';
UPDATE account SET change_seq = 0, enforced_at = clock_timestamp() WHERE status <> 'active';

-- As the owner of the tables, so that whoever may change a key or an account makes an event without any right to the
-- tables of this step.
CREATE FUNCTION record_revocation_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number bigint;
    change text := 'deleted';
BEGIN
    UPDATE revocation_head SET seq = seq + 1 WHERE id RETURNING seq INTO STRICT number;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'api_key' THEN
        change := CASE WHEN OLD.state IS DISTINCT FROM NEW.state THEN NEW.state ELSE 'changed' END;
        UPDATE api_key SET change_seq = number, enforced_at = NULL WHERE id = NEW.id;
    ELSIF TG_OP = 'UPDATE' THEN
        change := CASE WHEN OLD.status IS DISTINCT FROM NEW.status THEN NEW.status ELSE 'moved' END;
        UPDATE account SET change_seq = number, enforced_at = NULL WHERE id = NEW.id;
    END IF;
    INSERT INTO revocation_event (seq, scope, subject, change, at)
    VALUES (number, TG_ARGV[0], OLD.id, change, clock_timestamp());
    -- Until the end of the transaction.
    PERFORM set_config('keyward.event', number::text, true);
    RETURN NULL;
END;
$$;

-- The number of the last event of the transaction under way. Whoever knows that it made one asks before it commits.
CREATE FUNCTION last_revocation_event() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    -- Null where no event was numbered in this session, empty where one was in an earlier transaction.
    number text := current_setting('keyward.event', true);
BEGIN
    IF COALESCE(number, '') = '' THEN
        RAISE EXCEPTION 'a change was not numbered: are the triggers of api_key and account switched off?';
    END IF;
    RETURN number::bigint;
END;
$$;

CREATE FUNCTION refuse_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of table % is refused: no node would hear of it', TG_OP, TG_TABLE_NAME;
END;
$$;

-- It finds its tables whatever the search path of the session that fires it, and no temporary table in their place.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION record_revocation_event() SET search_path = pg_catalog, %I, pg_temp', current_schema()
    );
END;
$$;
REVOKE ALL ON FUNCTION record_revocation_event() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER api_key_changed AFTER UPDATE OF state, scopes, expires_at, type, account_id ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.scopes, OLD.expires_at, OLD.type, OLD.account_id)
        IS DISTINCT FROM (NEW.state, NEW.scopes, NEW.expires_at, NEW.type, NEW.account_id))
    EXECUTE FUNCTION record_revocation_event('key');
CREATE CONSTRAINT TRIGGER api_key_deleted AFTER DELETE ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_revocation_event('key');
CREATE CONSTRAINT TRIGGER account_changed AFTER UPDATE OF status, parent_id ON account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.status, OLD.parent_id) IS DISTINCT FROM (NEW.status, NEW.parent_id))
    EXECUTE FUNCTION record_revocation_event('account');
CREATE CONSTRAINT TRIGGER account_deleted AFTER DELETE ON account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_revocation_event('account');

CREATE TRIGGER api_key_stays BEFORE TRUNCATE ON api_key FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement();
CREATE TRIGGER account_stays BEFORE TRUNCATE ON account FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement();
CREATE TRIGGER node_lease_stays BEFORE TRUNCATE ON node_lease FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement();
CREATE TRIGGER revocation_head_stays BEFORE DELETE OR TRUNCATE ON revocation_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement();
