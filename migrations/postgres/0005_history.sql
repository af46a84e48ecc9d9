-- Which history answers: a database can go back (a promoted standby that lagged, a restored backup, a snapshot), and a
-- number alone does not say whose it is (R18).
--
-- Every event gets a random number beside its own, so that an event that was lost and another that took its number are
-- two. Every statement of the protocol reads the head, its random number and the token of the server in one snapshot:
-- `history_position`. The token changes whenever the rows can have changed behind the service's back: another start of
-- the server, another timeline, another database, other tables, another marker row.

SET LOCAL lock_timeout = '2s';

-- A volatile default gives each event that is there a number of its own.
ALTER TABLE revocation_event ADD COLUMN nonce uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE revocation_head ADD COLUMN nonce uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
UPDATE revocation_head h SET nonce = e.nonce FROM revocation_event e WHERE e.seq = h.seq;

CREATE OR REPLACE FUNCTION record_revocation_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number bigint;
    named  uuid;
    change text := 'deleted';
BEGIN
    UPDATE revocation_head SET seq = seq + 1, nonce = gen_random_uuid() WHERE id
    RETURNING seq, nonce INTO STRICT number, named;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'api_key' THEN
        change := CASE WHEN OLD.state IS DISTINCT FROM NEW.state THEN NEW.state ELSE 'changed' END;
        UPDATE api_key SET change_seq = number, enforced_at = NULL WHERE id = NEW.id;
    ELSIF TG_OP = 'UPDATE' THEN
        change := CASE WHEN OLD.status IS DISTINCT FROM NEW.status THEN NEW.status ELSE 'moved' END;
        UPDATE account SET change_seq = number, enforced_at = NULL WHERE id = NEW.id;
    END IF;
    INSERT INTO revocation_event (seq, scope, subject, change, at, nonce)
    VALUES (number, TG_ARGV[0], OLD.id, change, clock_timestamp(), named);
    -- Until the end of the transaction.
    PERFORM set_config('keyward.event', number::text, true);
    PERFORM set_config('keyward.event_nonce', named::text, true);
    RETURN NULL;
END;
$$;
-- A replaced function loses the settings that it had.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION record_revocation_event() SET search_path = pg_catalog, %I, pg_temp', current_schema()
    );
END;
$$;
REVOKE ALL ON FUNCTION record_revocation_event() FROM PUBLIC;

-- The last event of the transaction under way, by number and nonce.
CREATE FUNCTION last_revocation_position(OUT seq bigint, OUT nonce uuid) LANGUAGE plpgsql AS $$
BEGIN
    seq := last_revocation_event();
    nonce := current_setting('keyward.event_nonce')::uuid;
END;
$$;

-- Whose history this is, read anew by each statement: start of the server (microseconds), WAL timeline (hexadecimal),
-- database, table of the leases, and the transaction that wrote the row of this installation. A standby has no WAL to
-- write to, and refuses.
CREATE VIEW history_token AS
SELECT concat_ws('.',
    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
    substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
    (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()),
    to_regclass('node_lease')::oid,
    COALESCE((SELECT i.xmin::text FROM installation i WHERE i.id), '0')) AS token;

-- What the database has seen, in the snapshot of the statement that asks.
CREATE VIEW history_position AS
SELECT h.seq, h.nonce, t.token FROM revocation_head h CROSS JOIN history_token t WHERE h.id;

-- The token under which a process has waited for every lease of another history; with a new token it says nothing.
CREATE TABLE history_mark (
    id        boolean PRIMARY KEY DEFAULT true CONSTRAINT history_mark_one_row CHECK (id),
    token     text NOT NULL,
    marked_at timestamptz NOT NULL
);

-- What nodes found missing: for people and for `keyward doctor`, and no rule looks at it.
CREATE TABLE lost_history (
    token      text PRIMARY KEY,
    -- The last event that a node had applied and that is still there, and the last one that it had applied.
    kept_up_to bigint NOT NULL CONSTRAINT lost_history_kept CHECK (kept_up_to >= 0),
    had_up_to  bigint NOT NULL CONSTRAINT lost_history_had CHECK (had_up_to > kept_up_to),
    noticed_at timestamptz NOT NULL
);
