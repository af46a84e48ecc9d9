-- Whoever changes something is judged once more where the change is committed (R19).
--
-- A condition in the writing statement is not enough: its snapshot may be older than the revocation of the caller, and
-- the commit later. So a change locks its caller, shared, then looks at it in a statement that begins after that, and
-- commits. What ends or narrows a key or an account takes the same lock, exclusive, before its own commit. Then one of
-- the two comes first: the change is committed before the revocation, or it sees it and is refused.
--
-- The locks are advisory ones and not row locks, because they queue: with row locks a flood of changes that share one
-- keeps the revocation waiting for as long as it lasts. There are 1,024 of them, so that a statement by hand about a
-- million keys does not fill the table of locks; who shares one by chance waits for a commit under way, and for nothing
-- else.

SET LOCAL lock_timeout = '2s';

-- Which of the 1,024 a key or an account has.
CREATE FUNCTION caller_lock(id uuid) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN uuid_hash(id) & 1023;

-- Refuses to go on (KW019) unless every key and account is there, active, and not changed by an event after the one
-- beside it, up to which it was judged. `changed` are the keys and accounts that this transaction itself changes: what
-- else is asked of a caller among them was settled by the change, whose statement found it active and holds its row.
--
-- Locks are taken in one order, each in the stronger of two modes, so that no two transactions wait for each other. To
-- be called in the message that commits: then no node that stands still holds a lock.
CREATE PROCEDURE confirm_callers(
    keys uuid[], keys_as_of bigint[], accounts uuid[], accounts_as_of bigint[], changed uuid[]
) LANGUAGE plpgsql AS $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT place, bool_or(exclusive) AS exclusive FROM (
            SELECT caller_lock(c.id) AS place, false AS exclusive FROM unnest(keys || accounts) AS c (id)
            UNION ALL
            SELECT caller_lock(c.id), true FROM unnest(changed) AS c (id)
        ) AS each_one
        GROUP BY place ORDER BY place
    LOOP
        IF wanted.exclusive THEN
            PERFORM pg_advisory_xact_lock(19019, wanted.place);
        ELSE
            PERFORM pg_advisory_xact_lock_shared(19019, wanted.place);
        END IF;
    END LOOP;
    -- Statements of their own, whose snapshots are taken now that the locks are held.
    IF EXISTS (
        SELECT FROM unnest(keys, keys_as_of) AS c (id, as_of) LEFT JOIN api_key k ON k.id = c.id
        WHERE k.id IS NULL OR (k.state <> 'active' AND k.id <> ALL (changed)) OR k.change_seq > c.as_of
    ) OR EXISTS (
        SELECT FROM unnest(accounts, accounts_as_of) AS c (id, as_of) LEFT JOIN account a ON a.id = c.id
        WHERE a.id IS NULL OR (a.status <> 'active' AND a.id <> ALL (changed)) OR a.change_seq > c.as_of
    ) OR EXISTS (
        -- Judged by a history that is not this database's: it went back.
        SELECT FROM revocation_head h, unnest(keys_as_of) AS c (as_of) WHERE h.id AND h.seq < c.as_of
    ) THEN
        RAISE EXCEPTION 'the caller was changed since it was judged' USING ERRCODE = 'KW019';
    END IF;
END;
$$;

-- The other side, also for statements typed by hand. It names no table and no function of ours, so it needs no search
-- path.
CREATE FUNCTION wait_for_callers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(19019, pg_catalog.uuid_hash(OLD.id) & 1023);
    RETURN NULL;
END;
$$;

-- For each trigger that numbers an event, one of a name that comes before it: of one row's triggers the earlier name is
-- first, and nobody waits for callers who has locked the row that numbers all events.
CREATE CONSTRAINT TRIGGER api_key_callers AFTER UPDATE OF state, scopes, expires_at, type, account_id ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.scopes, OLD.expires_at, OLD.type, OLD.account_id)
        IS DISTINCT FROM (NEW.state, NEW.scopes, NEW.expires_at, NEW.type, NEW.account_id))
    EXECUTE FUNCTION wait_for_callers();
CREATE CONSTRAINT TRIGGER api_key_callers_of_deleted AFTER DELETE ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_callers();
CREATE CONSTRAINT TRIGGER account_callers AFTER UPDATE OF status, parent_id ON account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.status, OLD.parent_id) IS DISTINCT FROM (NEW.status, NEW.parent_id))
    EXECUTE FUNCTION wait_for_callers();
CREATE CONSTRAINT TRIGGER account_callers_of_deleted AFTER DELETE ON account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_callers();
